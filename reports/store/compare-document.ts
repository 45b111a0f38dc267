import type { Revision } from '../../harness/history.ts';
import type { Verdict } from './run-document.ts';

/**
 * What two sides show about an indicator. `equal`: both bounds are within the tolerance · `no-evidence`: neither a difference nor its
 * absence is shown · `not-compared`: one side has no such figure.
 */
export type Change = 'regression' | 'improvement' | 'equal' | 'no-evidence' | 'not-compared';

/** Runs of one side. */
export interface ComparedSide {
  readonly runs: readonly { readonly id: string; readonly seed: number; readonly verdict: Verdict }[];
  /** When the first of them started, ISO 8601. */
  readonly startedAt: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly machine: Readonly<Record<string, string | number>>;
  /** What was checked out for the first of them; absent where that is not known. */
  readonly revision?: Revision;
}

/** One indicator on both sides. Differences are those of the candidate to the base. */
export interface ComparedIndicator {
  /** Such as `p99(ttft)` or `errors`. */
  readonly name: string;
  readonly window: string;
  /** Class of clients; absent for all. */
  readonly class?: string;
  /** Latencies in ms, whose differences are in percent; or shares of requests in percent, whose differences are in points. Less is better. */
  readonly unit: 'ms' | '%';
  /** Null for a latency that is beyond every value, or that nothing has. */
  readonly base: number | null;
  readonly candidate: number | null;
  /** Sides whose latency is beyond every value, and therefore null, since too many requests failed; absent if neither. */
  readonly infinite?: readonly ('base' | 'candidate')[];
  /** Null where it is not compared. Each bound holds with 95 % for all indicators together. */
  readonly difference: { readonly value: number; readonly lower: number | null; readonly upper: number | null } | null;
  /** Smallest difference that these runs would have shown four times out of five, in the unit of the difference; null where unknown. */
  readonly detectable: number | null;
  readonly change: Change;
}

/** Setting that is not the same on both sides; null where it is absent. */
export interface ChangedSetting {
  readonly path: string;
  readonly base: unknown;
  readonly candidate: unknown;
}

/** `compare.json`: what a candidate shows against a base. */
export interface CompareDocument {
  readonly schema: 1;
  readonly scenario: string;
  readonly platform: string;
  readonly base: ComparedSide;
  readonly candidate: ComparedSide;
  /** Settings of load, faults or platform that differ, so that nothing is compared. */
  readonly incomparable: readonly ChangedSetting[];
  /** Settings of the stack or the target that differ: what the comparison is about, unless it is the code. */
  readonly changed: readonly ChangedSetting[];
  /** `blocks`: within the runs, by blocks of time; `runs`: from run to run. Null where nothing is compared. */
  readonly unit: 'blocks' | 'runs' | null;
  /** Whether both sides had the same arrivals, so that differences are taken pair by pair. */
  readonly paired: boolean;
  /** Differences up to this one do not count: a part of latencies, and points of shares. */
  readonly tolerance: { readonly latencyRatio: number; readonly points: number };
  readonly indicators: readonly ComparedIndicator[];
  readonly verdict: 'regression' | 'improvement' | 'equal' | 'no-evidence' | 'incomparable' | 'invalid';
  /** What limits the comparison, as sentences. */
  readonly notes: readonly string[];
}
