import { requireK6 } from '../../load/k6/program/find.ts';
import { engineSocket, findEngine, requireImages, withDockerPackages } from '../../platform/docker/engine.ts';
import { IMAGE_NAMES } from '../../platform/docker/images/image-names.ts';
import { requireTool } from '../../stack/tools.ts';
import type { CompiledScenario } from '../compile.ts';

/**
 * Checks that this machine has what a scenario needs, before anything starts.
 * @throws SquallError that names what is missing and how to get it; the signal's reason on abort
 */
export async function requireInstalled(
  { plan, topology }: Pick<CompiledScenario, 'plan' | 'topology'>,
  signal: AbortSignal,
): Promise<void> {
  if (plan.load.engine === 'k6') await requireK6({}, signal);
  if (plan.platform === 'process')
    for (const { run } of topology.replicas) if (run.kind === 'tool') requireTool(run.tool);
  if (plan.platform === 'docker') {
    const { imagesOf } = await withDockerPackages(import('../../platform/docker/plans.ts'));
    const engine = await findEngine(engineSocket(), signal);
    await requireImages(engine, imagesOf(topology, IMAGE_NAMES), 'Run `npm run images` in a checkout.', signal);
  }
}
