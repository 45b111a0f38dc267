import type { ArrivalProcess, Ramp } from './arrivals/arrivals.ts';
import type { Distribution } from './distribution.ts';

/** Where the stack runs. */
export type PlatformKind = 'process' | 'docker' | 'external';

/** How long a prompt or an answer is, in tokens: drawn, or as in the plan's {@link TracePlan}. */
export type Lengths = Distribution | { readonly kind: 'trace' };

/** Streamed chat completions. */
export interface ChatWorkload {
  readonly kind?: 'chat';
  readonly name: string;
  readonly model: string;
  /** Both at least 1. */
  readonly promptTokens: Lengths;
  readonly outputTokens: Lengths;
  /** So large a share (0–1) of the prompts begins with one of `variants` texts of `tokens` tokens, or as much of it as fits. */
  readonly sharedPrefix?: { readonly ratio: number; readonly tokens: number; readonly variants: number };
  /** So large a share (0–1) of the requests is one of `distinct` requests, to the byte. */
  readonly duplicates?: { readonly ratio: number; readonly distinct: number };
  /** Conversations of several turns: each turn carries those before it, and follows the answer to the last after a think time. */
  readonly sessions?: { readonly turns: Distribution; readonly thinkTimeMs: readonly [number, number] };
}

/** One plain HTTP request, always the same: there is no token stream, its first byte takes the place of the first token. */
export interface HttpWorkload {
  readonly kind: 'http';
  readonly name: string;
  /** Empty: there is none. */
  readonly model: string;
  readonly method: string;
  /** Begins with a slash; follows the path of the target's URL. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Empty for none. */
  readonly body: string;
  readonly expect: HttpExpectation;
}

/** What an answer must be to count as `ok`. */
export interface HttpExpectation {
  /** Statuses that are right; empty: every 2xx. */
  readonly status: readonly number[];
  /** Text that the body must hold; null: any body will do. */
  readonly bodyContains: string | null;
  /** Longest body. */
  readonly maxBytes: number;
}

/** What the requests look like. */
export type Workload = ChatWorkload | HttpWorkload;

/** A recorded trace: when requests came, and how long they and their answers were. */
export interface TracePlan {
  /** Absolute. */
  readonly file: string;
  /** Of the whole file: a replay of another content is refused. */
  readonly sha256: string;
  /** Names of the columns or keys. */
  readonly columns: { readonly time: string; readonly promptTokens: string; readonly outputTokens: string };
  /** Unit of times that are plain numbers. */
  readonly timeUnit: 'ms' | 's';
  /** The cut, in the trace's own time from its first row on; `toMs` exclusive. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Divides the trace's time: 2 replays it twice as fast. */
  readonly speed: number;
}

/** When clients try again; see `load/stream/retry.ts`. */
export interface RetryPlan {
  /** Retries after the first attempt. */
  readonly maxRetries: number;
  /** Before the first retry; each further one doubles it, up to `maxDelayMs`. 0 is at once. */
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  readonly jitter: 'full' | 'equal' | 'none';
  /** Whether they wait at least as long as `Retry-After` says. */
  readonly retryAfter: boolean;
  /** Retries per request that all clients together allow themselves; null: without a bound. */
  readonly budgetRatio: number | null;
}

/** When a client disconnects because it has waited enough. */
export interface ClientTimeoutPlan {
  /** From the scheduled arrival, over all attempts, in ms. */
  readonly afterMs: Distribution;
  /** What it waits for: once a first token is there, `first-token` is patient for ever. */
  readonly until: 'first-token' | 'end';
  /** `apart`: the outcome is `abandoned`, neither completed nor failed; `failed`: it is `client-timeout`, a failure. */
  readonly countAs: 'abandoned' | 'failed';
}

/** A kind of users. */
export interface UserClass {
  readonly name: string;
  /** Its share of the requests is its weight over that of all classes. */
  readonly weight: number;
  /** API key, instead of the stack's; `env:NAME` is read from the environment and stands in no file. */
  readonly key?: string;
  /** Sent as `x-priority`, 0 the most urgent. */
  readonly priority?: number;
  readonly workload: Workload;
  readonly clientTimeout?: ClientTimeoutPlan;
}

/** How clients behave beyond sending one request. */
export interface ClientsPlan {
  readonly retry: RetryPlan | null;
  readonly clientTimeout: ClientTimeoutPlan | null;
  /** Empty: all users are alike. */
  readonly classes: readonly UserClass[];
}

/** The load of a run, completely: with the seed it decides every arrival and every prompt. */
export interface LoadPlan {
  readonly engine: string;
  readonly arrivals: ArrivalProcess;
  /** Contiguous; the warm-up is the part before 0 ms. */
  readonly ramps: readonly Ramp[];
  readonly workload: Workload;
  /** What is replayed, or what lengths are taken from. */
  readonly trace?: TracePlan;
  /** Absent: they send once, wait as long as the idle timeout lets them, and are all alike. */
  readonly clients?: ClientsPlan;
  /** Of a closed loop by connections: so many, each sending as soon as it has its answer; rates are then 0. */
  readonly connections?: number;
  /** How many processes of this machine generate it, each a share of the arrivals. @default 1 */
  readonly workers?: number;
  /** An arrival that finds this many requests in flight is dropped, and recorded so. Who shares the load shares the bound. */
  readonly maxInFlight: number;
  readonly connectTimeoutMs: number;
  /** Longest wait for the next byte. */
  readonly idleTimeoutMs: number;
  /** False: each request has a connection of its own, as new clients have. @default true */
  readonly keepAlive?: false;
}

/** One fault on the time line. */
export interface FaultPlan {
  readonly id: string;
  readonly kind: string;
  /** Name of a link, a replica or a zone, or two zones with `|` between them. */
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
  /** In the objective language of `reports/judge/objective.ts`, for example `p99(ttft) <= 800 ms`. */
  readonly objective: string;
  /** Only requests of this class of users count; absent: all. */
  readonly class?: string;
}

/** How many arrivals, and the hash of their times (`hashArrivals` of `arrivals.ts`), or of what decides them. */
export interface ArrivalCount {
  readonly count: number;
  readonly sha256: string;
}

/** One of several runs that share a load: the arrivals whose index leaves `index − 1` when divided by `of`. */
export interface SegmentPlan {
  /** From 1. */
  readonly index: number;
  readonly of: number;
  /** The whole schedule. */
  readonly whole: ArrivalCount;
}

/**
 * Everything that was decided before a run starts; plain JSON. It is the first event of the history, so a stored run can be
 * judged without the scenario file, and it is what `run --dry-run --json` prints. Times are ms after the load phase starts.
 */
export interface RunPlan {
  readonly scenario: string;
  readonly why: string;
  /** Requirements that its SLOs judge, at least in part: an id each, and its text after a space if there is one. */
  readonly covers: readonly string[];
  readonly platform: PlatformKind;
  /** Base URL of the server that Squall did not start; with platform `external` alone. */
  readonly target?: string;
  readonly seed: number;
  /** Divides the long durations of the stack's profiles, such as a model's load time. */
  readonly timeScale: number;
  readonly load: LoadPlan;
  readonly faults: readonly FaultPlan[];
  readonly slos: readonly SloPlan[];
  /** The stack's options as the scenario resolved them. */
  readonly stack: Readonly<Record<string, unknown>>;
  /**
   * What was scheduled beforehand: with sessions of several turns their first turns. Null in a closed loop, where each
   * instant depends on the answers: nothing can be promised of it but that every request that was begun leaves a record.
   */
  readonly arrivals: ArrivalCount | null;
  /** Which part of a load that several runs share this one drives; `arrivals` are then its own. */
  readonly segment?: SegmentPlan;
  /** The exact command that repeats this run. */
  readonly replay: string;
}

/** When the offered load ends, in ms after the load phase starts. */
export function loadEndMs(plan: Pick<RunPlan, 'load'>): number {
  return plan.load.ramps.at(-1)?.toMs ?? 0;
}

/** How long the load warms the stack up before the start, in ms. */
export function warmUpMs(plan: RunPlan): number {
  return Math.max(0, -(plan.load.ramps[0]?.fromMs ?? 0));
}
