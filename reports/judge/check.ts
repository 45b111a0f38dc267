import type { TimedEvent } from '../../harness/history.ts';
import type { RunPlan } from '../../harness/plan.ts';
import type { Outcome, RequestRecord } from '../../harness/requests.ts';
import type { FaultOutcome, Window } from '../../harness/windows.ts';
import type { Verdict } from '../store/run-document.ts';
import type { LatencyMetric } from './samples.ts';
import type { Comparison, Limit, Statement } from './statement.ts';

/** What an SLO asks for: its limit, and what its kind adds. */
export interface Objective extends Limit {
  readonly kind: string;
}

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

/** The lines of a chart of the report, over which an objective's limit can be drawn. */
export type ChartLine = 'ttft' | 'latency' | 'queue' | 'percent';

/**
 * A kind of objective, complete in one file of `checks/`, which exports it as `check` and is found by being there: its words, how it
 * is read and written, what it needs, and how it is judged. Start a new one as a copy of `checks/noop.ts`.
 */
export interface Check<O extends Objective = Objective> {
  readonly kind: O['kind'];
  /** What its objectives begin with, as messages list it. */
  readonly words: readonly string[];
  /** Whether an objective is one of its own. @default its name is one of `words` */
  readonly reads?: (statement: Statement) => boolean;
  /** Reads the argument and the limit. @throws SquallError `BAD_OBJECTIVE` by way of the statement */
  readonly parse: (statement: Statement) => Omit<O, 'kind'>;
  /** The inverse of `parse`. @param limit the comparison and the quantity, written */
  readonly format: (objective: O, limit: string) => string;
  /** The latencies of requests that it is about: load engines differ in which they measure. @default none */
  readonly latencies?: (objective: O) => readonly LatencyMetric[];
  /** Whether it is about gauges of the stack's own replicas, of which nothing is known with a target. @default false */
  readonly needsGauges?: boolean;
  /** Id of the fault that it names. @default it names none */
  readonly fault?: (objective: O) => string;
  /** The window that it names, in place of its SLO's. @default that of the SLO */
  readonly window?: (objective: O) => string;
  /** Outcomes that it leaves out, so that with many of them in the window it cannot pass. @default dropped, abandoned, interrupted */
  readonly leavesOut?: (objective: O) => readonly Outcome[];
  /** Where and by which name its limit is drawn. @default nowhere */
  readonly line?: (objective: O) => { readonly chart: ChartLine; readonly name: string } | undefined;
  /**
   * Judges it; a pure function.
   *
   * ```
   *              limit of "<="
   * ├─lower──upper─┤┊                pass: even the upper bound meets it
   *         ├─lower─┊─upper─┤        inconclusive
   *                 ┊├─lower──upper─┤  fail: even the lower bound misses it
   * ```
   */
  readonly judge: (objective: O, evidence: Evidence) => Finding;
}

/** Types a check's functions by its objective. */
export function checkOf<O extends Objective>(check: Check<O>): Check {
  return check as unknown as Check;
}

/** What cannot be told, and why. */
export function undecided(verdict: 'inconclusive' | 'invalid', reason: string, samples = 0): Finding {
  return { measured: null, lower: null, upper: null, samples, verdict, reason };
}

/** Whether a value meets a limit. */
export function meets(value: number, comparison: Comparison, limit: number): boolean {
  if (comparison === '<=') return value <= limit;
  if (comparison === '<') return value < limit;
  if (comparison === '>=') return value >= limit;
  return value > limit;
}

/** The verdict that bounds allow, by the figure of {@link Check.judge}; a missing bound allows none. */
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
