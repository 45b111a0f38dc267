import type { TimedEvent } from '../../harness/history.ts';
import type { RunPlan } from '../../harness/plan.ts';
import type { Outcome, Requests } from '../../harness/requests.ts';
import type { FaultOutcome, Window } from '../../harness/windows.ts';
import { explain } from '../explain.ts';
import type { Survivors, Verdict } from '../store/run-document.ts';
import type { Reaction } from './elasticity/reaction.ts';
import type { Tally } from './elasticity/restored.ts';
import type { LatencyMetric } from './samples.ts';
import type { Comparison, Limit, Statement } from './statement.ts';
import { BATCHES, batchMeanBounds, ratioBounds } from './statistics.ts';

/** Objective of an SLO: its limit, and the parameters of its kind. */
export interface Objective extends Limit {
  readonly kind: string;
}

/** Objective about one fault. */
export interface FaultObjective extends Objective {
  /** Id of the fault. */
  readonly fault: string;
}

/** Facts of a run that all checks share. */
export interface RunFacts {
  readonly plan: RunPlan;
  readonly events: readonly TimedEvent[];
  /** All records in scheduled order, warm-up (negative `scheduledMs`) included. */
  readonly records: Requests;
  readonly windows: readonly Window[];
  /** In the plan's order. */
  readonly faults: readonly FaultOutcome[];
  /** Reactions to the steps of load and capacity, folded at the first call. */
  readonly reactions: () => readonly Reaction[];
}

/** Input of a check: a window that exists and has at least one request. */
export interface Evidence {
  readonly window: Window;
  /** The window's requests, as `harness/windows.ts` assigns them. */
  readonly requests: Requests;
  readonly run: RunFacts;
  /** The fault of {@link Check.fault}, which took effect; undefined if the objective names none. */
  readonly fault?: FaultOutcome | undefined;
}

/** Result of a check. */
export interface Finding {
  /** In the objective's unit, unrounded, perhaps infinite; null if there was nothing to measure. */
  readonly measured: number | null;
  /** One-sided bounds at 95 % each (for `recovery`: the resolution); null if no finite one exists. */
  readonly lower: number | null;
  readonly upper: number | null;
  /** Number of independent samples. */
  readonly samples: number;
  readonly verdict: Verdict;
  /** Requests that count as slower than every other; absent if there are none. */
  readonly survivors?: Survivors | undefined;
  /** One or two sentences with figures. */
  readonly reason: string;
}

/** Chart of the report in which the limit of an objective can be drawn. */
export type ChartLine = 'ttft' | 'latency' | 'queue' | 'percent';

/**
 * Kind of objective. Each is one file of `checks/`, which exports it as `check`; all files of that folder are loaded. Start a new one
 * as a copy of `checks/noop.ts`.
 */
export interface Check<O extends Objective = Objective> {
  readonly kind: O['kind'];
  /** First words of its objectives, as messages list them. */
  readonly words: readonly string[];
  /** Whether an objective is of this kind. @default its name is one of `words` */
  readonly reads?: (statement: Statement) => boolean;
  /** Reads the argument and the limit. @throws SquallError `BAD_OBJECTIVE`, created by the statement */
  readonly parse: (statement: Statement) => Omit<O, 'kind'>;
  /** Latencies that it needs, since load engines differ in which they measure. @default none */
  readonly latencies?: (objective: O) => readonly LatencyMetric[];
  /** Whether it needs gauges of the stack's replicas, which an external target has only with metrics. @default false */
  readonly needsGauges?: boolean;
  /** Id of the fault that it names; its check only runs if that fault took effect. @default none */
  readonly fault?: (objective: O) => string | undefined;
  /** Minimum requests of its window for a pass, whatever their values. @default unknown */
  readonly minRequests?: (objective: O) => number;
  /** Whether the baseline must hold as many. @default false */
  readonly comparesBaseline?: boolean;
  /** Why it can never pass with this plan, as what is expected of it instead; undefined if it can. @default it can */
  readonly impossible?: (objective: O, plan: Pick<RunPlan, 'load' | 'faults'>) => string | undefined;
  /** Window that it names, which replaces that of its SLO. @default the window of the SLO */
  readonly window?: (objective: O) => string;
  /** Outcomes that it excludes; with many of them in the window it cannot pass. @default dropped, abandoned, interrupted */
  readonly leavesOut?: (objective: O) => readonly Outcome[];
  /** How single requests count, for an objective that at most a part of them may miss: it is then followed over time. @default it is not */
  readonly tally?: (objective: O) => Tally | undefined;
  /** Whether a path follows its argument, as in `scaling(step).ready`. @default false */
  readonly hasPath?: boolean;
  /** Chart in which its limit is drawn, and the name of that line. @default none */
  readonly line?: (objective: O) => { readonly chart: ChartLine; readonly name: string } | undefined;
  /**
   * Judges an objective; a pure function.
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

/** Declares a check whose functions are typed by its objective. */
export function checkOf<O extends Objective>(check: Check<O>): Check {
  return check as unknown as Check;
}

/** Finding without a measurement, and its reason. */
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

/** Verdict by the bounds, as in the figure of {@link Check.judge}; a missing bound decides nothing. */
export function verdictOf(
  objective: Pick<Objective, 'comparison' | 'limit'>,
  { lower, upper }: Pick<Finding, 'lower' | 'upper'>,
): 'pass' | 'fail' | 'inconclusive' {
  const [good, bad] = objective.comparison.startsWith('<') ? [lower, upper] : [upper, lower];
  if (bad !== null && meets(bad, objective.comparison, objective.limit)) return 'pass';
  if (good !== null && !meets(good, objective.comparison, objective.limit)) return 'fail';
  return 'inconclusive';
}

/** Finding on a ratio in percent, with exact binomial bounds. @param count at least 1 @param subject for {@link explain} */
export function ratioFinding(
  objective: Objective,
  hits: number,
  count: number,
  subject: string,
  window?: Window,
): Finding {
  const ratio = ratioBounds(hits, count);
  const bounds = { lower: 100 * ratio.lower, upper: 100 * ratio.upper };
  const verdict = verdictOf(objective, bounds);
  const found = { measured: (100 * hits) / count, ...bounds, samples: count, verdict };
  return { ...found, reason: explain(objective, found, subject, window) };
}

/** Which of {@link BATCHES} equal parts of a window holds an instant of it, from 0. */
export function batchOf({ fromMs, toMs }: Window, timeMs: number): number {
  return Math.min(BATCHES - 1, Math.floor(((timeMs - fromMs) * BATCHES) / (toMs - fromMs)));
}

/**
 * Finding on a rate per second, with the bounds of batch means over ten equal parts of the window.
 * @param counts of what counts, in each of these parts
 * @param subject for {@link explain}
 */
export function rateFinding(
  objective: Limit,
  { fromMs, toMs }: Window,
  counts: readonly number[],
  subject: string,
): Omit<Finding, 'samples'> {
  const perSecond = (count: number) => (count * 1000 * BATCHES) / (toMs - fromMs);
  const interval = batchMeanBounds(counts);
  const bounds = { lower: perSecond(interval.lower), upper: perSecond(interval.upper) };
  const verdict = verdictOf(objective, bounds);
  const found = { measured: perSecond(counts.reduce((sum, count) => sum + count, 0) / BATCHES), ...bounds, verdict };
  return { ...found, reason: explain(objective, found, subject, { fromMs, toMs }) };
}
