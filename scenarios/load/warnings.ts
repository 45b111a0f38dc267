import type { LoadPlan } from '../../harness/plan.ts';

/** What is known of a load to mislead, as sentences with what to change; none of it keeps a run from starting. */
export function loadWarnings({ trace, arrivals }: LoadPlan): string[] {
  const isReplayed = typeof arrivals === 'object' && arrivals.kind === 'trace';
  if (!isReplayed || trace?.rowsAtOnce === undefined) return [];
  return [
    `The times of the trace are whole seconds with ${trace.rowsAtOnce.toFixed(1)} rows each, which arrive all at once, in bursts that its users never made: set \`load.trace.spread: within-second\`.`,
  ];
}
