import type { TimedEvent } from '../../harness/history.ts';
import type { RunPlan } from '../../harness/plan.ts';
import type { RequestRecord } from '../../harness/requests.ts';
import type { FaultOutcome, Window } from '../../harness/windows.ts';
import type { Verdict } from '../store/run-document.ts';
import type { Comparison, Objective } from './objective.ts';

/** A run, folded as far as every check needs it. */
export interface RunFacts {
  readonly plan: RunPlan;
  readonly events: readonly TimedEvent[];
  /** All records in scheduled order, warm-up (negative `scheduledMs`) included. */
  readonly records: readonly RequestRecord[];
  readonly windows: readonly Window[];
  /** In the plan's order. */
  readonly faults: readonly FaultOutcome[];
}

/** What a check judges: a window that came to be and holds at least one request. */
export interface Evidence {
  readonly window: Window;
  /** The window's requests, as `harness/windows.ts` assigns them. */
  readonly requests: readonly RequestRecord[];
  readonly run: RunFacts;
}

/** What a check found. */
export interface Finding {
  /** In the objective's unit, unrounded; null where there is nothing to measure. */
  readonly measured: number | null;
  /** One-sided bounds at 95 % each (for `recovery`: the resolution); null where no finite one exists. */
  readonly lower: number | null;
  readonly upper: number | null;
  /** How many independent samples it rests on. */
  readonly samples: number;
  readonly verdict: Verdict;
  /** One sentence or two with figures. */
  readonly reason: string;
}

/**
 * Judges one kind of objective; a pure function. New ones start as a copy of `checks/noop.ts`.
 *
 * ```
 *              limit of "<="
 * ├─lower──upper─┤┊                pass: even the upper bound meets it
 *         ├─lower─┊─upper─┤        inconclusive
 *                 ┊├─lower──upper─┤  fail: even the lower bound misses it
 * ```
 */
export type Check<O extends Objective = Objective> = (objective: O, evidence: Evidence) => Finding;

/** Whether a value meets a limit. */
export function meets(value: number, comparison: Comparison, limit: number): boolean {
  if (comparison === '<=') return value <= limit;
  if (comparison === '<') return value < limit;
  if (comparison === '>=') return value >= limit;
  return value > limit;
}

/** The verdict that bounds allow, by the figure of {@link Check}; a missing bound allows none. */
export function verdictOf(
  objective: Pick<Objective, 'comparison' | 'limit'>,
  { lower, upper }: Pick<Finding, 'lower' | 'upper'>,
): 'pass' | 'fail' | 'inconclusive' {
  const [good, bad] = objective.comparison.startsWith('<') ? [lower, upper] : [upper, lower];
  if (bad !== null && meets(bad, objective.comparison, objective.limit)) return 'pass';
  if (good !== null && !meets(good, objective.comparison, objective.limit)) return 'fail';
  return 'inconclusive';
}

/** The common sentence that explains a verdict by its bounds. */
export function explain(verdict: Verdict, subject: string): string {
  if (verdict === 'pass') return `The whole interval of ${subject} meets the objective.`;
  if (verdict === 'fail') return `The whole interval of ${subject} misses the objective.`;
  return `The interval of ${subject} holds the limit; more samples would decide.`;
}
