import type { Clock } from './clock.ts';
import type { Readings } from './metrics.ts';
import type { FaultPlan, LoadPlan } from './plan.ts';
import type { AttackOutcome } from './requests.ts';
import type { Partition } from './segment.ts';

/**
 * Life of a replica, as its platform sees it. `starting` covers the cold start, `stopped` is away on purpose, `failed` was given
 * up. A replica that is paused or cut off stays what it was: to find out that it does not answer is the gateway's part.
 */
export type ReplicaState = 'starting' | 'ready' | 'exited' | 'stopped' | 'failed';

/** How an instance of a replica ended. */
export interface ReplicaExit {
  /** On the clock of its platform. */
  readonly atMs: number;
  /** Such as `exit code 3`, `SIGKILL` or `OOM, killed at its limit of 64 MiB (SIGKILL)`. */
  readonly how: string;
  /** Whether its platform says that it was killed for its use of memory; a platform that cannot tell says false. */
  readonly isOutOfMemory: boolean;
}

/** What can be done to a replica that is a container and to no other. Every call is idempotent and outlives a restart. */
export interface ReplicaContainer {
  /**
   * Lets it use so much memory and no more; null restores the limit it began with. Whoever uses more already is killed for it
   * (OOM), as the kernel would do; whoever does not is killed when it comes to need more.
   * @returns the limit that is wanted from now on, in MiB; undefined for none
   */
  limitMemory(mebibytes: number | null): Promise<number | undefined>;
  /** Takes it out of all its networks, while it runs on. */
  disconnect(): Promise<void>;
  /** Puts it back into them, under the same names. */
  reconnect(): Promise<void>;
}

/** One instance of a service. Every call is idempotent. */
export interface Replica {
  /** For example `inference-2`. */
  readonly name: string;
  /** For example `inference`. */
  readonly service: string;
  /** The zone it stands in, for example `zone-a`: what partitions power and network. */
  readonly zone: string;
  /** Its own address, around any link, as the services of the stack see it, with its {@link Protocol} as the scheme: `http://127.0.0.1:41234`. */
  readonly url: string;
  /** Where it tells its metrics in Prometheus' format; undefined where it tells none. */
  readonly metricsPath: string | undefined;
  /** Process id while one runs. */
  readonly pid: number | undefined;
  /** What runs now, in words that no other start of it partitions: `process 4711`, `container 3f2ac1d20b1e (process 4711)`. */
  readonly instance: string | undefined;
  readonly state: ReplicaState;
  /** How the instance before this one ended, or the last one when none runs; undefined as long as none has. */
  readonly lastExit: ReplicaExit | undefined;
  /** Undefined where replicas are no containers. */
  readonly container?: ReplicaContainer | undefined;
  /** Ends it at once, as a crash would (SIGKILL to its process group); resolves when it is gone. */
  kill(): Promise<void>;
  /**
   * Ends it gracefully (SIGTERM, after a grace of 2.5 s SIGKILL); resolves when it is gone. Who holds it first has it stay away,
   * `stopped`, until {@link release}; else its supervisor brings it back.
   */
  terminate(): Promise<void>;
  /** Freezes all its processes (SIGSTOP to its process group, or the container's freezer). Ending it thaws them. */
  pause(): Promise<void>;
  /** Lets a paused instance go on. */
  resume(): Promise<void>;
  /**
   * Keeps the supervisor from starting it until {@link release}.
   * @param holder whoever holds it releases it: a replica starts when nobody holds it any more, so that the end of a fault does
   * not start what was scaled away. @default the one who scales, who also holds a replica that is created in standby
   */
  hold(holder?: string): void;
  /**
   * Gives it back to the supervisor and, unless somebody else holds it, starts it now if nothing runs, even where restarting is
   * switched off, it was given up, or it was never started.
   */
  release(holder?: string): Promise<void>;
  /**
   * Resolves once it answers ready.
   * @throws the signal's reason on abort
   */
  ready(signal: AbortSignal): Promise<void>;
}

/** What is spoken across a link. */
export type Protocol = 'http' | 'redis';

/** A breakable hop, named `from→to`, for example `gateway→inference-2`: a proxy of the Toxiproxy at `proxyApiUrl`. */
export interface Link {
  readonly name: string;
  /** Where the service that uses the link connects to, `host:port`. */
  readonly listen: string;
  /** What stands behind it, `host:port`. */
  readonly upstream: string;
  readonly protocol: Protocol;
  /** The zone of those who use it; undefined when users of several zones, or from outside the stack, do. */
  readonly fromZone: string | undefined;
  /** Name of the replica behind it. */
  readonly to: string;
}

/** One request on a connection of its own: when it was sent, and its time to first byte in ms. */
export interface Probe {
  readonly sentMs: number;
  readonly ttfbMs: number;
}

/** The TLS certificate at the entries of a stack, which can be replaced while it serves. */
export interface EntryCertificate {
  /** PEM of the authority that clients have to trust. */
  readonly authority: string;
  /**
   * Replaces it, without closing a connection, and resolves with the SHA-256 of the new one.
   * @param validity in the past for an expired one. @default from now on for a day
   */
  replace(validity?: { readonly from: Date; readonly to: Date }): Promise<string>;
  /** Shakes hands as a client would that trusts the authority, and tells the SHA-256 of what it met. @throws what the client would get */
  look(signal: AbortSignal): Promise<string>;
}

/** A stack that is up and ready. Disposing takes all of it down, bounded in time. */
export interface RunningStack extends AsyncDisposable {
  /** Base URLs that clients use, each across its own link; a client spreads over them. */
  readonly entries: readonly string[];
  /** The certificate that clients meet there; undefined where they enter in the clear. */
  readonly entryCertificate: EntryCertificate | undefined;
  /**
   * What clients believe they talk to, such as `https://llm.test`, where that is not the entry itself: it decides the `Host` header
   * and the TLS name, while the connection goes to the entry.
   */
  readonly origin?: string;
  /** The person said that entries elsewhere than on this machine are theirs. @default false */
  readonly iOwnThisTarget?: boolean;
  /** The `Authorization` header value that clients send; empty for none. */
  readonly authorization: string;
  /** Empty where nothing stands in between: then {@link Link.listen} is where the service itself listens. */
  readonly proxyApiUrl: string;
  readonly links: readonly Link[];
  readonly replicas: readonly Replica[];
  /** Versions of the real parts that were used, by name. */
  readonly versions: Readonly<Record<string, string>>;
  /**
   * Asks a link or straight a replica something harmless, on a connection of its own, from where the stack's services stand: `GET path`,
   * or `PING` where Redis is spoken. Any answer counts, also an error.
   * @throws when nothing answers: refused, reset, or the signal's reason on abort
   */
  probe(target: Link | Replica, path: string, signal: AbortSignal): Promise<Probe>;
  /** Has the process group of `pid` ended too if the harness dies without taking the stack down. */
  protect(pid: number): void;
}

/** What a platform tells while it works; it becomes events of the history. */
export interface StackObserver {
  replica(change: { replica: string; service: string; state: ReplicaState; detail?: string }): void;
}

/** Brings stacks up. `Topology` is the stack room's own description of services and links. */
export interface Platform<Topology> {
  readonly kind: string;
  /**
   * Resolves when every service is ready; on failure or abort everything that was started is gone before it rejects.
   * @throws SquallError of kind `environment` or `stack`
   */
  up(topology: Topology, options: UpOptions): Promise<RunningStack>;
}

/** How {@link Platform.up} is called. */
export interface UpOptions {
  readonly runId: string;
  /** The run's: it decides what a fault proxy draws, such as jitter, where that can be seeded. */
  readonly seed: number;
  /** The run directory, absolute; logs go here, one `<replica>.log` each. */
  readonly directory: string;
  readonly observer: StackObserver;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/** Something that was seen at an instant, on the clock the observer was given. */
export interface Observation {
  readonly atMs: number;
  /** One sentence with figures, for the report. */
  readonly evidence: string;
  /** Of a fault that is itself a client, as attacks are, once it is over. */
  readonly requests?: AttackOutcome | undefined;
}

/**
 * One fault, bound to its target and ready to be driven: inject → bites → heal → healed. `heal` is idempotent and may come
 * at any time, also after a failed `inject`. Every call is bounded by its signal.
 *
 * `bites` and `healed` look until they see it and then resolve; they never decide that it will not come. The caller's signal
 * does, and then the run is invalid: a fault that never bit proves nothing.
 */
export interface Fault {
  inject(signal: AbortSignal): Promise<void>;
  /** `atMs` is the first instant at which the fault was seen to act. */
  verifyEffect(signal: AbortSignal): Promise<Observation>;
  heal(signal: AbortSignal): Promise<void>;
  verifyHealed(signal: AbortSignal): Promise<Observation>;
}

/** Binds a planned fault to the running stack. */
export type FaultFactory = (plan: FaultPlan, stack: RunningStack, clock: Clock) => Fault;

/** What the generator is told. */
export interface LoadJob {
  /** Marks the generator's process, so that leftovers of a run can be told from others. */
  readonly runId: string;
  readonly plan: LoadPlan;
  readonly seed: number;
  /** Which of the arrivals it drives. @default all */
  readonly partition?: Partition;
  readonly targets: readonly string[];
  /** PEM of the authority that vouches for `https` targets; undefined for those that everybody trusts. */
  readonly authority: string | undefined;
  /** See {@link RunningStack.origin}. */
  readonly origin?: string;
  readonly authorization: string;
  /** Where to append request records, one JSON object a line; `requests.ndjson`, further workers write `requests.2.ndjson` … */
  readonly journalPath: string;
  readonly logPath: string;
}

/** A snapshot for the progress line and for the question whether the stack is steady. */
export interface LoadProgress {
  readonly sent: number;
  readonly completed: number;
  readonly failed: number;
  readonly dropped: number;
  readonly inFlight: number;
  /** Over the last second or so; null without samples. */
  readonly recentP99TtftMs: number | null;
  readonly recentPerSecond: number;
  /** Of warm-up arrivals alone; failures counted by what `errorKind` calls them. */
  readonly warmUp: { readonly completed: number; readonly failures: Readonly<Record<string, number>> };
}

/** What the generator says of itself at the end. */
export interface LoadSummary {
  readonly cpuMs: number;
  readonly wallMs: number;
  readonly peakRssBytes: number;
  /** How many cores it can use at most, 1 for a single thread; absent for generators that do not know. */
  readonly cores?: number;
  /** The partition of its cores that the busiest used, 0 … 1, where several generators say together what they took. */
  readonly busiest?: number;
  /** How many requests it began, warm-up included; absent for generators that do not tell. */
  readonly requests?: number;
  /** It does not say when its requests were due: `scheduledMs` of its records is when it began to send them. */
  readonly lateness?: 'unknown';
}

/** Load under way, in a process of its own. Disposing ends that process. */
export interface RunningLoad extends AsyncDisposable {
  /** Leader of the generator's own process group. */
  readonly pid: number;
  /** Leaders of further groups, where the generator has several. */
  readonly morePids?: readonly number[];
  /** Instant of the start on the machine's monotonic clock ({@link Clock.nowMs}). */
  readonly startAtMs: number;
  progress(): LoadProgress;
  /** Settles when the last request has ended. @throws SquallError when the generator dies */
  readonly done: Promise<LoadSummary>;
  /** Sends nothing more and cuts what is in flight (recorded as `interrupted`); `done` then settles soon. */
  stop(): void;
}

/** Drives a {@link LoadPlan}. */
export interface LoadEngine {
  readonly name: string;
  /**
   * Resolves once the generator is ready to send.
   * @param chooseStart asked once, at that moment, for the instant of the start: a generator that is slow to come up is then not
   * late from its first arrival on
   */
  start(job: LoadJob, chooseStart: () => number, signal: AbortSignal): Promise<RunningLoad>;
}

/** What a {@link MetricsSource} is told. */
export interface SamplingJob {
  readonly stack: RunningStack;
  readonly clock: Clock;
  /** Start of the run on the clock: rounds of samples lie half-way between whole seconds from it. */
  readonly startAtMs: number;
  /** Takes a round: when its readings were asked for, on the clock, and what each replica told; who told nothing is missing. */
  record(takenAtMs: number, readings: Readonly<Record<string, Readings>>): void;
}

/**
 * Samples the metrics of a stack while a run lasts. It must never disturb the run: `start` does not wait and nothing here
 * throws; what cannot be read is missing. Disposing ends it, bounded in time, after its last `record`.
 */
export interface MetricsSource {
  start(job: SamplingJob): AsyncDisposable;
}
