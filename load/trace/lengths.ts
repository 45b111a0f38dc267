import type { Lengths, LoadPlan, TracePlan } from '../../harness/plan.ts';
import type { Random } from '../../harness/random.ts';
import { replayTrace } from './trace.ts';

/** Maximum number of rows kept to draw from. */
const MAX_LENGTHS = 1_000_000;

/** Distribution of the lengths of a trace's requests. They are drawn in pairs, so a long prompt keeps its completion. */
export interface TraceLengths {
  /** `[promptTokens, outputTokens]` of a row; all rows are equally likely. */
  pick(random: Random): readonly [number, number];
}

/** Lengths of a plan's trace; undefined, without reading it, if no request draws from them. */
export function lengthsFor({
  trace,
  workload,
  clients,
}: Pick<LoadPlan, 'trace' | 'workload' | 'clients'>): TraceLengths | undefined {
  const isTraced = (lengths: Lengths) => 'kind' in lengths && lengths.kind === 'trace';
  const draws = [workload, ...(clients?.classes ?? []).map(own => own.workload)].some(
    one => one.kind !== 'http' && (isTraced(one.promptTokens) || isTraced(one.outputTokens)),
  );
  return trace && draws ? readLengths(trace) : undefined;
}

/** Reads the lengths of the first million rows inside the plan's cut. */
export function readLengths(plan: TracePlan): TraceLengths {
  const lengths: number[] = [];
  for (const { promptTokens, outputTokens } of replayTrace(plan)) {
    if (lengths.push(promptTokens, outputTokens) === 2 * MAX_LENGTHS) break;
  }
  return {
    pick(random) {
      const row = 2 * random.integer(0, lengths.length / 2 - 1);
      return [lengths[row]!, lengths[row + 1]!];
    },
  };
}
