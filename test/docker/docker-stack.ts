import { join } from 'node:path';
import { getContainerRuntimeClient } from 'testcontainers';
import { connectToxiproxy } from '../../faults/toxiproxy/client.ts';
import { type Engine, engineSocket, findEngine, findImage } from '../../platform/docker/engine.ts';
import { IMAGE_NAMES } from '../../platform/docker/images/image-names.ts';
import type { Limits } from '../../platform/docker/plans.ts';
import { dockerPlatform } from '../../platform/docker/platform.ts';
import { listLabelled } from '../../platform/docker/remove-labelled.ts';
import { missing } from '../require.ts';

/** The engine with all images, or undefined. */
export const engine: Engine | undefined = await findEngine(engineSocket())
  .then(async found => {
    const ids = await Promise.all(Object.values(IMAGE_NAMES).map(image => findImage(found, image)));
    return ids.includes(undefined) ? undefined : found;
  })
  .catch(() => undefined);

/** Why tests that need containers are skipped, or false. */
export const noDocker = missing('docker', engine !== undefined);

/** The docker platform, whose services may also be the fixture programs. */
export function fixturePlatform(limits: Readonly<Record<string, Limits>> = {}) {
  const fixtures = 'test/platform/fixtures';
  const folders = { [`/app/${fixtures}`]: join(import.meta.dirname, '../..', fixtures) };
  return dockerPlatform({ connect: connectToxiproxy }, { folders, limits, readyLimitMs: 20_000 });
}

/** Everything that an engine holds of a run, such as `containers 3f2a…`. */
export async function leftOf(runId: string): Promise<string[]> {
  const kinds = ['containers', 'networks', 'volumes'] as const;
  const found = await Promise.all(
    kinds.map(async kind =>
      (await listLabelled(kind, engine!.socketPath, `squall.run=${runId}`)).map(id => `${kind} ${id.slice(0, 12)}`),
    ),
  );
  return found.flat().sort();
}

/** Runs JavaScript with Node inside a container of a run and returns what it printed. */
export async function evaluateIn(runId: string, name: string, script: string): Promise<string> {
  const client = await getContainerRuntimeClient();
  const container = client.container.getById(`squall-${runId}-${name}`);
  const { output } = await client.container.exec(container, ['node', '-e', script]);
  return output.trim();
}
