import type { MergedSegment, Revision } from '../../harness/history.ts';
import type { FaultPlan, RunPlan } from '../../harness/plan.ts';
import type { AttackPoint, ConnectionCounts, LoadNote } from '../../harness/requests.ts';
import type { CapacityResult } from './capacity-results.ts';
import type { CostResult, DecisionRow, ReplicaSeries, ScalingResult } from './elasticity-results.ts';
import type { RequestTrace } from './request-trace.ts';

/** Verdict of an SLO or of a run. */
export type Verdict = 'pass' | 'fail' | 'inconclusive' | 'invalid';

/** Quantiles of a latency in ms; all null without samples. */
export type Quantiles = Readonly<Record<'p50' | 'p90' | 'p95' | 'p99' | 'p999' | 'max', number | null>>;

/** Counts and quantiles of a window; times in ms from the start of the load phase. */
export interface WindowResult {
  readonly name: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly requests: number;
  readonly failed: number;
  readonly dropped: number;
  /** Requests whose client stopped waiting; absent if there are none. */
  readonly abandoned?: number;
  /** Requests sent again because a reused connection ended before any byte of a response; absent if there are none. */
  readonly resent?: number;
  /** Attempts; absent where clients do not retry. */
  readonly attempts?: number;
  /** Failures by outcome; an HTTP error counts as `http-<status>`. */
  readonly errors: Readonly<Record<string, number>>;
  readonly latencyMs: Quantiles;
  readonly ttftMs: Quantiles;
  readonly itlMs: Quantiles;
  readonly tpotMs: Quantiles;
  /** Requests without a first token, and without a complete response: the quantiles are those of the others. */
  readonly without: { readonly ttft: number; readonly latency: number };
  /** Tokens that arrived in one read, on average over the responses with at least two; absent where unknown. */
  readonly tokensPerRead?: number;
}

/** Requests of an SLO that failed or were dropped without the value it judges, and count as slower than every other. */
export interface Survivors {
  readonly without: number;
  /** Requests of the window. */
  readonly requests: number;
  /** What they lack, such as `first token`. */
  readonly lacking: string;
  /** The same statistic of the requests that have the value, in the unit of the SLO; null without any. */
  readonly measured: number | null;
}

/** Judged SLO. `measured` is null if there was nothing to measure, a bound if no finite one exists. */
export interface SloResult {
  readonly name: string;
  readonly window: string;
  readonly objective: string;
  readonly measured: number | null;
  readonly unit: string;
  /** Confidence interval; each bound has the one-sided confidence `level`. */
  readonly confidence: { readonly level: number; readonly lower: number | null; readonly upper: number | null };
  readonly samples: number;
  readonly verdict: Verdict;
  readonly reason: string;
  /** Absent if there are none, or the objective is on something else. */
  readonly survivors?: Survivors;
  /** Those of `measured`, `lower` and `upper` that are beyond every value, and therefore null; absent if none is. */
  readonly infinite?: readonly ('measured' | 'lower' | 'upper')[];
}

/** Tokens of prompts by the plan and by the server's own count. */
export interface PromptTokens {
  /** Requests with such a count. */
  readonly requests: number;
  readonly planned: number;
  readonly counted: number;
  /** Of the counted ones, those that came from the server's prefix cache; absent where it does not say. */
  readonly cached?: number;
}

/** Requests that one upstream served; quantiles of those that have the value. */
export interface UpstreamResult {
  readonly name: string;
  readonly requests: number;
  readonly failed: number;
  readonly ttftMs: Quantiles;
  readonly latencyMs: Quantiles;
  /** Output tokens over the length of the load. */
  readonly outputTokensPerSecond: number;
}

/** Course of a fault; times in ms from the start of the load phase, null for what did not happen. */
export interface FaultResult {
  readonly id: string;
  readonly kind: string;
  readonly target: string;
  readonly parameters: FaultPlan['parameters'];
  readonly injectedAtMs: number | null;
  readonly effectiveAtMs: number | null;
  readonly evidence: string;
  readonly healedAtMs: number | null;
  readonly healVerified: boolean;
  /** Course of an attack, at most 120 points; absent for other faults, or if the attack did not end. */
  readonly attack?: readonly AttackPoint[];
}

/** `run.json`: the results of a run, all of them folds over its history and request records. */
export interface RunDocument {
  readonly schema: 1;
  readonly id: string;
  readonly scenario: string;
  readonly platform: string;
  /** Base URL of the server under test, if Squall did not start it. */
  readonly target?: string;
  /** URLs of its metrics, if it has any that were sampled. */
  readonly metrics?: readonly string[];
  /** Runs that this one was merged from, if several shared the load. */
  readonly segments?: readonly MergedSegment[];
  /** Difference in ms between their first and last start by their wall clocks; null if one did not start. */
  readonly spreadMs?: number | null;
  /** How a target became ready before the clock started; absent if it was not asked. */
  readonly ready?: { readonly tookMs: number; readonly attempts: number; readonly waitedFor: string };
  readonly seed: number;
  readonly timeScale: number;
  readonly verdict: Verdict;
  readonly interrupted: boolean;
  readonly exitCode: 0 | 1 | 2 | 4 | 130;
  readonly reasons: readonly string[];
  readonly replay: string;
  readonly startedAt: string;
  readonly durationMs: number;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly versions: Readonly<Record<string, string>>;
  /** What was checked out; absent where that is not known. */
  readonly revision?: Revision;
  readonly load: {
    readonly engine: string;
    readonly offered: number;
    readonly sent: number;
    readonly completed: number;
    readonly failed: number;
    readonly dropped: number;
    /** Requests whose client stopped waiting; absent if there are none. */
    readonly abandoned?: number;
    /** Requests sent again because a reused connection ended before any byte of a response; absent if there are none. */
    readonly resent?: number;
    /** Connections established, warm-up included; absent if the generator did not tell. */
    readonly connections?: ConnectionCounts;
    /** Attempts; absent where clients do not retry. */
    readonly attempts?: number;
    /** Tokens of the prompts whose length the server counted; absent if it counted none. */
    readonly promptTokens?: PromptTokens;
    /** 99th percentile of the delay between scheduled and actual sending. */
    readonly lateMsP99: number | null;
    /** CPU time of the generator over its wall time, 1 = one core; null if it did not report. */
    readonly cpuCores: number | null;
  };
  /** What makes figures less certain, or verdicts impossible, as sentences: known before the run, or found by it. */
  readonly warnings: readonly string[];
  /** What clients noticed about responses: the first body of each kind of failure, and what they read over; absent if nothing. */
  readonly notes?: readonly LoadNote[];
  /** Prompt tokens that engines looked up in their prefix caches during the load, and found there, by their counters; absent without. */
  readonly prefixCache?: { readonly queries: number; readonly hits: number };
  /** Requests of the load by the upstream that served them, most first, at most 20; absent where no response names one. */
  readonly upstreams?: readonly UpstreamResult[];
  readonly windows: readonly WindowResult[];
  readonly slos: readonly SloResult[];
  readonly faults: readonly FaultResult[];
  /** Absent if no autoscaler ran. */
  readonly scaling?: readonly ScalingResult[];
  /** Absent where nothing has a price, or no request completed. */
  readonly cost?: CostResult;
  /** Absent in a stack without nodes. */
  readonly capacity?: CapacityResult;
  readonly artifacts: Readonly<Record<string, string>>;
}

/** Input of a renderer: the document, its plan, and what is shown beside them. */
export interface RenderInput {
  readonly document: RunDocument;
  readonly plan: RunPlan;
  readonly timeline: TimelineSeries;
  readonly distributions: readonly DistributionCurve[];
  readonly notable: NotableRequests;
  /** Empty without an autoscaler. */
  readonly decisions: readonly DecisionRow[];
  readonly events: readonly EventRow[];
}

/** Percentile curve of a latency over the requests of a window. */
export interface DistributionCurve {
  readonly metric: 'ttft' | 'latency';
  readonly window: string;
  /** Requests that have the value, and those that failed or were dropped without it, which are slower than every other. */
  readonly having: number;
  readonly without: number;
  /** Ascending quantiles (0–1) of both together, each with its value in ms; empty if no request has one. */
  readonly points: readonly (readonly [q: number, ms: number])[];
}

/** Requests that are listed one by one. */
export interface NotableRequests {
  /** The failures, or the first of each kind where there are many, in order of time. */
  readonly failed: readonly NotableRequest[];
  /** Number of all failures. */
  readonly failures: number;
  /** The slowest by time to first token, slowest first. */
  readonly slowestFirst: readonly NotableRequest[];
  /** The slowest of those that completed, slowest first. */
  readonly slowest: readonly NotableRequest[];
}

/** Request as it is listed; see `RequestRecord`. */
export interface NotableRequest {
  readonly index: number;
  /** Its `x-request-id`, by which the logs of servers know it; absent where it is not known. */
  readonly id?: string;
  readonly scheduledMs: number;
  /** Kind of its failure, see `errorKind`; `ok` for one that completed. */
  readonly kind: string;
  readonly status: number;
  readonly stage: string;
  readonly upstream: string;
  readonly attempts: number;
  readonly ttftMs: number | null;
  /** From the scheduled arrival to the outcome. */
  readonly tookMs: number;
  /** Absent where it was not traced. */
  readonly trace?: RequestTrace;
}

/** One line of the event log. */
export interface EventRow {
  readonly atMs: number;
  /** `phase`, `replica`, `fault`, `invalid`, … */
  readonly kind: string;
  readonly text: string;
}

/** Failed or dropped request. */
export interface FailurePoint {
  readonly atMs: number;
  /** `errorKind` of its record; `dropped` for one that was never sent. */
  readonly kind: string;
}

/**
 * Time series over slots of `slotMs`, all of one length; slot i covers [i·slotMs, (i+1)·slotMs) from the start of the load phase.
 * Null where a slot has no sample.
 */
export interface TimelineSeries {
  readonly slotMs: number;
  /** Quantiles of the requests that were scheduled in the slot and have the value. */
  readonly ttftP50Ms: Samples;
  readonly ttftP90Ms: Samples;
  readonly ttftP99Ms: Samples;
  readonly latencyP50Ms: Samples;
  readonly latencyP90Ms: Samples;
  readonly latencyP99Ms: Samples;
  readonly itlP50Ms: Samples;
  readonly itlP99Ms: Samples;
  /** Scheduled in the slot, per second. */
  readonly offered: readonly number[];
  /** Sent in it, per second. */
  readonly sent: readonly number[];
  /** Completed in it, per second. */
  readonly completed: readonly number[];
  /** Output tokens per second, those of a response spread evenly from its first to its last. */
  readonly tokens: readonly number[];
  /** Largest number of requests in flight. */
  readonly inFlight: readonly number[];
  /** Failed and dropped requests, in order of time. */
  readonly failures: readonly FailurePoint[];
  /** Attempts sent in the slot, per second; absent where clients do not retry. */
  readonly attempts?: readonly number[];
  /** Ready replicas at the end of the slot, by service. */
  readonly ready: Readonly<Record<string, readonly number[]>>;
  /** Replicas that are scaled; absent where nothing scales. */
  readonly replicas?: ReplicaSeries;
  /** Sampled metrics of the replicas; absent without samples. */
  readonly metrics?: MetricSeries;
}

type Samples = readonly (number | null)[];

/**
 * Gauges of the inference engines, the largest sample of each slot; null without one. Requests waiting on the fullest replica, and
 * waiting and running on all; percentages of the fullest replica. Absent without any sample: requests in flight at a gateway, where
 * no engine is sampled, and the percentage of a slot's prompt tokens that came from prefix caches.
 */
export interface MetricSeries {
  readonly maxWaiting: Samples;
  readonly waiting: Samples;
  readonly running: Samples;
  readonly inFlight?: Samples;
  readonly gpuPercent: Samples;
  readonly kvCachePercent: Samples;
  readonly gpuMemoryPercent: Samples;
  readonly cacheHitPercent?: Samples;
}
