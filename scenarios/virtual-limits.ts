import type { LoadPlan } from '../harness/plan.ts';
import type { VirtualOptions } from '../platform/virtual/cpu-costs.ts';
import { VIRTUAL_TIME } from '../reports/render/cells.ts';
import type { StackOptions } from '../stack/options.ts';
import { badScenario } from './bad-scenario.ts';
import type { Split } from './load/split.ts';
import type { ResolvedScenario } from './scenario.ts';

const REAL = 'run it with `--platform process` or `docker`';

/** What virtual time has none of, by part of the stack: programs that are not ours. */
const PROGRAMS = { edge: 'nginx', prometheus: 'Prometheus' } as const;

/**
 * Checks that a scenario has only what virtual time can simulate, before anything starts.
 * @throws SquallError `BAD_SCENARIO` that names the field and the platform to use instead
 */
export function requireVirtual(
  { stack, slos, load: written }: ResolvedScenario,
  load: LoadPlan,
  { workers = 1, segment }: Split,
): void {
  for (const [part, program] of Object.entries(PROGRAMS)) {
    const found = stack[part as keyof typeof PROGRAMS] as StackOptions['edge'] | 'auto';
    if (found !== 'auto' && found !== 'off')
      throw badScenario(`stack.${part}`, `off in virtual time, which cannot run ${program}; or ${REAL}`, 'a setting');
  }
  if (load.engine !== 'stream')
    throw badScenario('load.engine', `stream in virtual time; or ${REAL}`, String(written.engine));
  if (workers > 1)
    throw badScenario('--workers', `1 in virtual time, which has no processes; or ${REAL}`, String(workers));
  if (segment) throw badScenario('--segment', `left out in virtual time; or ${REAL}`, `${segment.index}/${segment.of}`);
  for (const [index, { objective }] of slos.entries())
    if (objective.check.kind === 'growth')
      throw badScenario(
        `slos[${index}].objective`,
        `something other than the memory of processes in virtual time, which has none; or ${REAL}`,
        objective.text,
      );
}

/** Said with every run in virtual time, on top: what is modelled, and what is not. */
export function virtualTime({ cpu }: VirtualOptions): string {
  const costs = typeof cpu === 'number' ? `${cpu} × what was measured` : 'as `stack.virtual.cpu` says';
  const [modelled, processors] =
    cpu === 0
      ? ['', 'any processor (`stack.virtual.cpu` is 0)']
      : [`, and a processor of each gateway, replica and control service (${costs})`, 'other processors'];
  return `${VIRTUAL_TIME}services, network and clients ran in one process under a simulated clock. Modelled: delays of the network, timers, queues, the engines${modelled}. Not modelled: ${processors}, garbage collection, TLS, disks and memory; so compare its milliseconds with those of other virtual runs only.`;
}
