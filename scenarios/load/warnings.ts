import type { RunPlan } from '../../harness/plan.ts';

/** What is known before a run to mislead, each with what to change; none of it keeps the run from starting. */
export function warningsOf({ load: { trace, arrivals } }: Pick<RunPlan, 'load'>): string[] {
  const isReplayed = typeof arrivals === 'object' && arrivals.kind === 'trace';
  if (!isReplayed || trace?.rowsAtOnce === undefined) return [];
  return [
    `the times of the trace are whole seconds with ${trace.rowsAtOnce.toFixed(1)} rows each, which arrive all at once, in bursts that its users never made: set \`load.trace.spread: within-second\``,
  ];
}
