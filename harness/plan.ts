import type { ArrivalProcess, RateSegment } from './arrivals.ts';

/** Where the stack runs. */
export type PlatformKind = 'process' | 'docker' | 'external';

/** What the requests look like. Lengths are in tokens, uniform between the bounds, both included. */
export interface Workload {
  readonly name: string;
  readonly model: string;
  readonly promptTokens: readonly [number, number];
  readonly outputTokens: readonly [number, number];
}

/** The load of a run, completely: with the seed it decides every arrival and every prompt. */
export interface LoadPlan {
  readonly engine: string;
  readonly arrivals: ArrivalProcess;
  /** Contiguous; the warm-up is the part before 0 ms. */
  readonly segments: readonly RateSegment[];
  readonly workload: Workload;
  /** Of a closed loop: so many connections, each sending as soon as it has its answer; rates are then 0. */
  readonly connections?: number;
  /** An arrival that finds this many requests in flight is dropped, and recorded so. */
  readonly maxInFlight: number;
  readonly connectTimeoutMs: number;
  /** Longest wait for the next byte. */
  readonly idleTimeoutMs: number;
}

/** One fault on the time line. */
export interface FaultPlan {
  readonly id: string;
  readonly kind: string;
  /** Name of a link or of a replica. */
  readonly target: string;
  readonly atMs: number;
  /** How long it lasts; null when the stack is expected to heal by itself. */
  readonly forMs: number | null;
  /** The kind's own parameters, validated. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** One service-level objective, asserted on one window. */
export interface SloPlan {
  readonly name: string;
  readonly window: string;
  /** In the objective language of `reports/objective.ts`, for example `p99(ttft) <= 800 ms`. */
  readonly objective: string;
}

/**
 * Everything that was decided before a run starts; plain JSON. It is the first event of the history, so a stored run can be
 * judged without the scenario file, and it is what `run --dry-run --json` prints. Times are ms after driving starts.
 */
export interface RunPlan {
  readonly scenario: string;
  readonly why: string;
  /** Requirement rows that the scenario judges. */
  readonly judges: readonly string[];
  readonly platform: PlatformKind;
  readonly seed: number;
  /** Divides the long durations of the stack's profiles, such as a model's load time. */
  readonly timeScale: number;
  readonly load: LoadPlan;
  readonly faults: readonly FaultPlan[];
  readonly slos: readonly SloPlan[];
  /** The stack's options as the scenario resolved them. */
  readonly stack: Readonly<Record<string, unknown>>;
  readonly arrivals: { readonly count: number; readonly sha256: string };
  /** The exact command that repeats this run. */
  readonly replay: string;
}

/** When the offered load ends, in ms after driving starts. */
export function driveEndMs(plan: RunPlan): number {
  return plan.load.segments.at(-1)?.toMs ?? 0;
}

/** How long the load warms the stack up before time zero, in ms. */
export function warmUpMs(plan: RunPlan): number {
  return Math.max(0, -(plan.load.segments[0]?.fromMs ?? 0));
}
