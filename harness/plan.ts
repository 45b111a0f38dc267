import type { ArrivalProcess, Ramp } from './arrivals/arrivals.ts';
import type { Distribution } from './distribution.ts';
import type { ClientTls } from './host/client-tls.ts';

/** Maximum number of requests of a run: their arrivals are planned one by one, and their records read again by position. */
export const MAX_REQUESTS = 100_000_000;

/** Platform of a stack. */
export type PlatformKind = 'process' | 'docker' | 'virtual' | 'external';

/** Length of a prompt or an output in tokens: drawn, from the plan's {@link TracePlan}, or that of a prompt of {@link PromptsPlan}. */
export type Lengths = Distribution | { readonly kind: 'trace' } | { readonly kind: 'prompts' };

/** API of OpenAI-compatible servers that a workload uses. */
export type Api = 'chat' | 'completions' | 'embeddings';

/** File of prompts that requests are drawn from. */
export interface PromptsPlan {
  /** Absolute. */
  readonly file: string;
  /** Hash of the whole file; a replay of other content is rejected. */
  readonly sha256: string;
}

/** Requests with prompts: chat completions, text completions or embeddings. */
export interface ChatWorkload {
  readonly kind?: 'chat';
  readonly name: string;
  readonly model: string;
  /** @default 'chat' */
  readonly api?: Api;
  /** False: each answer is one JSON document, without a stream of tokens; always so with embeddings. @default true */
  readonly stream?: boolean;
  /** Path and query of the requests, appended to the path of the target. @default that of the API below `/v1` */
  readonly path?: string;
  /** Prompts from a file. @default generated ones */
  readonly prompts?: PromptsPlan;
  /** Lengths are at least 1. */
  readonly promptTokens: Lengths;
  readonly outputTokens: Lengths;
  /** Ratio (0–1) of prompts that begin with one of `variants` texts of `tokens` tokens, or as much of it as fits. */
  readonly sharedPrefix?: { readonly ratio: number; readonly tokens: number; readonly variants: number };
  /** Ratio (0–1) of requests that are one of `distinct` requests, byte by byte. */
  readonly duplicates?: { readonly ratio: number; readonly distinct: number };
  /** Conversations: each turn contains those before it, and follows the previous response after a think time. */
  readonly sessions?: { readonly turns: Distribution; readonly thinkTimeMs: readonly [number, number] };
}

/** Plain HTTP request, always the same. Without a token stream, its first byte takes the place of the first token. */
export interface HttpWorkload {
  readonly kind: 'http';
  readonly name: string;
  /** Empty, since there is no model. */
  readonly model: string;
  readonly method: string;
  /** Begins with a slash; appended to the path of the target's URL. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Empty for none. */
  readonly body: string;
  readonly expect: HttpExpectation;
}

/** Requirements of a response for the outcome `ok`. */
export interface HttpExpectation {
  /** Expected statuses; empty for any 2xx. */
  readonly status: readonly number[];
  /** Text that the body must contain; null for any body. */
  readonly bodyContains: string | null;
  /** Limit of the body's size. */
  readonly maxBytes: number;
}

/** Kind of requests. */
export type Workload = ChatWorkload | HttpWorkload;

/** Whether answers are streams of tokens. */
export function isStreamed(workload: Workload): boolean {
  return workload.kind !== 'http' && workload.stream !== false;
}

/** Recorded trace: times of requests, and lengths of prompts and outputs. */
export interface TracePlan {
  /** Absolute. */
  readonly file: string;
  /** Hash of the whole file; a replay of other content is rejected. */
  readonly sha256: string;
  /** Names of the columns or keys. */
  readonly columns: { readonly time: string; readonly promptTokens: string; readonly outputTokens: string };
  /** Unit of times that are plain numbers. */
  readonly timeUnit: 'ms' | 's';
  /** Section to replay, in the trace's own time from its first row; `toMs` exclusive. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Divides the trace's time: 2 replays it twice as fast. */
  readonly speed: number;
  /** `within-second`: rows of one second arrive at random instants in it, by the seed. @default at the times of the trace */
  readonly spread?: 'within-second';
  /** Mean number of rows in a second that has any, where all times are whole seconds and are replayed as they are: they arrive at once. */
  readonly rowsAtOnce?: number;
}

/** Retry policy of clients; see `load/stream/retry.ts`. */
export interface RetryPlan {
  /** Limit of the retries of a request. */
  readonly maxRetries: number;
  /** Delay before the first retry, doubled for each further one up to `maxDelayMs`; 0 for none. */
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  readonly jitter: 'full' | 'equal' | 'none';
  /** Whether the delay is at least that of `Retry-After`. */
  readonly retryAfter: boolean;
  /** Limit of the retries per request over all clients; null for none. */
  readonly budgetRatio: number | null;
}

/** Timeout after which a client disconnects. */
export interface ClientTimeoutPlan {
  /** From the scheduled arrival, over all attempts, in ms. */
  readonly afterMs: Distribution;
  /** Event that ends the timeout; with `first-token`, a client that has received one waits indefinitely. */
  readonly until: 'first-token' | 'end';
  /** `abandoned`: outcome of that name, neither completed nor failed; `failed`: outcome `client-timeout`, a failure. */
  readonly countAs: 'abandoned' | 'failed';
}

/** Batches (OpenAI's batch API) that a class of users submits, one at each arrival. */
export interface BatchJobsPlan {
  /** Number of lines, each of them the same request. */
  readonly lines: number;
  /** Time from acceptance to the results after which the batch counts as lost. */
  readonly withinMs: number;
}

/** Class of users. */
export interface UserClass {
  readonly name: string;
  /** Its part of the requests is its weight over the sum of all weights. */
  readonly weight: number;
  /** API key, instead of the stack's; `env:NAME` is read from the environment and written to no file. */
  readonly key?: string;
  /** Header `x-priority`; 0 is the most urgent. */
  readonly priority?: number;
  readonly workload: Workload;
  readonly clientTimeout?: ClientTimeoutPlan;
  /** @default its requests are sent one by one */
  readonly batch?: BatchJobsPlan;
}

/** How requests share connections; see `load/stream/wire/connections.ts`. */
export interface ConnectionUse {
  /** `reuse`: all users share a pool; `per-user`: each has a connection of its own; `fresh`: each request has one. */
  readonly kind: 'reuse' | 'per-user' | 'fresh';
  /** Number of requests after which a connection is replaced; null for no bound. */
  readonly maxRequests: number | null;
}

/** Behaviour of clients beyond single requests. */
export interface ClientsPlan {
  readonly connections: ConnectionUse;
  readonly retry: RetryPlan | null;
  readonly clientTimeout: ClientTimeoutPlan | null;
  /** Empty if all users are alike. */
  readonly classes: readonly UserClass[];
}

/** Complete load of a run: with the seed it determines every arrival and every prompt. */
export interface LoadPlan {
  readonly engine: string;
  readonly arrivals: ArrivalProcess;
  /** Contiguous; the part before 0 ms is the warm-up. */
  readonly ramps: readonly Ramp[];
  readonly workload: Workload;
  /**
   * Headers of every request, by name in lower case; they override Squall's own. A value `env:NAME`, also after a scheme as in
   * `Bearer env:NAME`, is read from the environment when the load starts, so no file of the run contains it.
   */
  readonly headers?: Readonly<Record<string, string>>;
  /** Changes to the JSON body of every request with a prompt; see `mergedBody` in `load/request/body.ts`. */
  readonly body?: Readonly<Record<string, unknown>>;
  /** What makes the prompts of a run begin unlike those of any other: a prefix cache knows none of them. Empty for none. @default none */
  readonly salt?: string;
  /** Header of responses that names the upstream that served one, in lower case. @default those of well-known products */
  readonly upstreamHeader?: string;
  /** Trace to replay, or to take lengths from. */
  readonly trace?: TracePlan;
  /** @default no retries, no timeout but the idle timeout, one class, and {@link DEFAULT_CONNECTIONS} */
  readonly clients?: ClientsPlan;
  /** Number of connections of a closed loop, each of which sends as soon as it has its response; rates are then 0. */
  readonly connections?: number;
  /** Number of processes that generate it, each a partition of the arrivals. @default 1 */
  readonly workers?: number;
  /** Limit of requests in flight; further arrivals are dropped. Partitions of the load divide it among themselves. */
  readonly maxInFlight: number;
  readonly connectTimeoutMs: number;
  /** Limit of the wait for the first token, from sending; plain HTTP has none. @default `idleTimeoutMs`, with its outcome */
  readonly firstTokenTimeoutMs?: number;
  /** Limit of the wait for the next token; of plain HTTP, for the next byte. */
  readonly idleTimeoutMs: number;
  /** False: streams are requested without `stream_options`, which ask for usage. @default true, until a server rejects them */
  readonly streamOptions?: false;
}

/**
 * Connections of a load that says nothing about them: a pool, as backends of applications have one, whose connections are replaced
 * often enough that balancers, restarts and added replicas behind one address see new ones all the time.
 */
export const DEFAULT_CONNECTIONS: ConnectionUse = { kind: 'reuse', maxRequests: 10 };

/** Fault on the timeline. */
export interface FaultPlan {
  readonly id: string;
  readonly kind: string;
  /** Name of a link, a replica or a zone, or of two zones separated by `|`. */
  readonly target: string;
  readonly atMs: number;
  /** Duration; null if the stack is expected to recover by itself. */
  readonly forMs: number | null;
  /** Parameters of its kind, validated. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** Service-level objective on a window. */
export interface SloPlan {
  readonly name: string;
  readonly window: string;
  /** In the objective language of `reports/judge/objective.ts`, for example `p99(ttft) <= 800 ms`. */
  readonly objective: string;
  /** Class of users whose requests count. @default all */
  readonly class?: string;
}

/** Number of arrivals, and the hash of their times (`hashArrivals` of `arrivals.ts`) or of what determines them. */
export interface ArrivalCount {
  readonly count: number;
  readonly sha256: string;
}

/** Segment of a load: the arrivals whose index modulo `of` is `index − 1`. */
export interface SegmentPlan {
  /** Counted from 1. */
  readonly index: number;
  readonly of: number;
  /** Arrivals of the whole load. */
  readonly whole: ArrivalCount;
}

/**
 * Everything that is decided before a run starts, as plain JSON. It is the first event of the history, so a stored run can be judged
 * without the scenario file, and the output of `run --dry-run --json`. Times are ms from the start of the load phase.
 */
export interface RunPlan {
  readonly scenario: string;
  readonly why: string;
  /** Requirements that its SLOs verify, at least in part: ids, each optionally followed by a space and the text. */
  readonly covers: readonly string[];
  readonly platform: PlatformKind;
  /** Base URL of the server under test; only with platform `external`. */
  readonly target?: string;
  /** How its clients speak TLS, where they were told. */
  readonly tls?: ClientTls;
  /** URLs of its metrics, if it has any that are sampled. */
  readonly metrics?: readonly string[];
  readonly seed: number;
  /** Divisor of the long durations of the stack's profiles, such as a model's load time. */
  readonly timeScale: number;
  readonly load: LoadPlan;
  readonly faults: readonly FaultPlan[];
  readonly slos: readonly SloPlan[];
  /** Resolved options of the stack. */
  readonly stack: Readonly<Record<string, unknown>>;
  /**
   * Arrivals that are known in advance; of sessions, their first turns. Null in a closed loop, whose arrivals depend on the responses.
   */
  readonly arrivals: ArrivalCount | null;
  /** Segment of a load that several runs share; `arrivals` are then its own. */
  readonly segment?: SegmentPlan;
  /** What is known beforehand to make a verdict impossible or a figure less certain, as sentences; absent if nothing. */
  readonly warnings?: readonly string[];
  /** Text of the scenario as it is run, overrides included and secrets masked, for reports; absent in older histories. */
  readonly source?: string;
  /** Command that repeats this run. */
  readonly replay: string;
}

/** End of the offered load, in ms from the start of the load phase. */
export function loadEndMs(plan: Pick<RunPlan, 'load'>): number {
  return plan.load.ramps.at(-1)?.toMs ?? 0;
}

/** Duration of the warm-up before the load phase, in ms. */
export function warmUpMs(plan: Pick<RunPlan, 'load'>): number {
  return Math.max(0, -(plan.load.ramps[0]?.fromMs ?? 0));
}
