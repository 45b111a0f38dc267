import type { MergedSegment } from '../../harness/history.ts';
import type { FaultPlan, RunPlan } from '../../harness/plan.ts';
import type { AttackPoint } from '../../harness/requests.ts';

/** Verdict of one SLO or of a whole run. */
export type Verdict = 'pass' | 'fail' | 'inconclusive' | 'invalid';

/** Quantiles of one latency in ms; null for all where no sample exists. */
export interface Quantiles {
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
  readonly max: number | null;
}

/** One window with its counts; times in ms after driving started. */
export interface WindowResult {
  readonly name: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly requests: number;
  readonly failed: number;
  readonly dropped: number;
  /** Requests whose client went away, where there were any; attempts, where clients retry. */
  readonly abandoned?: number;
  readonly attempts?: number;
  /** Failures by outcome; an HTTP failure counts as `http-<status>`. */
  readonly errors: Readonly<Record<string, number>>;
  readonly latencyMs: Quantiles;
  readonly ttftMs: Quantiles;
  readonly itlMs: Quantiles;
}

/** One judged objective. `measured` and the bounds are null where there is nothing to measure or no finite bound exists. */
export interface SloResult {
  readonly name: string;
  readonly window: string;
  readonly objective: string;
  readonly measured: number | null;
  readonly unit: string;
  /** Each bound holds by itself with probability `level`. */
  readonly confidence: { readonly level: number; readonly lower: number | null; readonly upper: number | null };
  readonly samples: number;
  readonly verdict: Verdict;
  readonly reason: string;
}

/** One fault as it went. */
export interface FaultResult {
  readonly id: string;
  readonly kind: string;
  readonly target: string;
  readonly parameters: FaultPlan['parameters'];
  readonly injectedAtMs: number | null;
  readonly bitAtMs: number | null;
  readonly evidence: string;
  readonly healedAtMs: number | null;
  readonly healVerified: boolean;
  /** An attack's course, some hundred points at most; absent for what is none, or was never over. */
  readonly attack?: readonly AttackPoint[];
}

/** One scaling reaction, as it went; null for what did not happen. */
export interface ScalingResult {
  readonly trigger: string;
  readonly stepAtMs: number;
  readonly signalAtMs: number | null;
  readonly decidedAtMs: number | null;
  readonly startedAtMs: number | null;
  readonly readyAtMs: number | null;
  readonly firstServedAtMs: number | null;
  readonly restoredAtMs: number | null;
}

/** `run.json`: everything that a run taught, with nothing that is not a fold over its history. */
export interface RunDocument {
  readonly schema: 1;
  readonly id: string;
  readonly scenario: string;
  readonly platform: string;
  /** Base URL of the server that was tested, where Squall did not start it. */
  readonly target?: string;
  /** The runs that it was merged from, where several shared the load. */
  readonly segments?: readonly MergedSegment[];
  /** How far their time zeros lie apart by their wall clocks; null where one never came to it. */
  readonly spreadMs?: number | null;
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
  readonly load: {
    readonly engine: string;
    readonly offered: number;
    readonly sent: number;
    readonly completed: number;
    readonly failed: number;
    readonly dropped: number;
    /** Requests whose client went away, where there were any; attempts, where clients retry. */
    readonly abandoned?: number;
    readonly attempts?: number;
    readonly lateMsP99: number | null;
    /** CPU time of the generator over its wall time, 1 = one core; null if it never reported. */
    readonly cpuCores: number | null;
  };
  readonly windows: readonly WindowResult[];
  readonly slos: readonly SloResult[];
  readonly faults: readonly FaultResult[];
  /** Absent where nothing followed the load: no autoscaler ran. */
  readonly scaling?: readonly ScalingResult[];
  readonly artifacts: Readonly<Record<string, string>>;
}

/** What a renderer gets beside the document: the plan and the second-by-second series of {@link TimelineSeries}. */
export interface RenderInput {
  readonly document: RunDocument;
  readonly plan: RunPlan;
  readonly timeline: TimelineSeries;
  readonly events: readonly EventRow[];
}

/** One line of the event log. */
export interface EventRow {
  readonly atMs: number;
  /** `phase`, `replica`, `fault`, `invalid`, … */
  readonly kind: string;
  readonly text: string;
}

/**
 * Series over slots of `slotMs`, all of one length; slot i covers [i·slotMs, (i+1)·slotMs) after driving started, by
 * scheduled arrival. Null where a slot has no sample.
 */
export interface TimelineSeries {
  readonly slotMs: number;
  readonly ttftP50Ms: readonly (number | null)[];
  readonly ttftP90Ms: readonly (number | null)[];
  readonly ttftP99Ms: readonly (number | null)[];
  readonly latencyP50Ms: readonly (number | null)[];
  readonly latencyP99Ms: readonly (number | null)[];
  /** Per second. */
  readonly offered: readonly number[];
  readonly completed: readonly number[];
  readonly failed: readonly number[];
  readonly dropped: readonly number[];
  /** Attempts sent in the slot, per second; absent where clients do not retry. */
  readonly attempts?: readonly number[];
  /** Ready replicas at the end of the slot, by service. */
  readonly ready: Readonly<Record<string, readonly number[]>>;
  /** What was sampled of the replicas' metrics; absent where nothing was. */
  readonly metrics?: MetricSeries;
}

/** Gauges of the inference engines in each slot, the largest sample of it; null where none told it. */
export interface MetricSeries {
  /** Requests waiting, on the replica with most of them and on all together; and those in a batch, on all. */
  readonly maxWaiting: readonly (number | null)[];
  readonly waiting: readonly (number | null)[];
  readonly running: readonly (number | null)[];
  /** In percent, of the replica with the most. */
  readonly gpuPercent: readonly (number | null)[];
  readonly kvCachePercent: readonly (number | null)[];
  readonly gpuMemoryPercent: readonly (number | null)[];
}
