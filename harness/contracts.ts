import type { Clock } from './clock.ts';
import type { ReplicaState, StackObserver } from './cluster/observer.ts';
import type { ClientTls } from './host/client-tls.ts';
import type { Network } from './host/network.ts';
import type { ShortRequest, ShortResponse } from './host/send.ts';
import type { NameLookUp } from './host/target.ts';
import type { Trace, TraceRequest } from './host/trace.ts';
import type { EntryCertificate } from './http/entry-certificate.ts';
import type { Login, TokenLogin } from './http/login.ts';
import type { FaultPlan, LoadPlan } from './plan.ts';
import type { AttackOutcome, ConnectionCounts, LoadNote, Refusals } from './requests.ts';
import type { Partition } from './segment.ts';

/** End of an instance of a replica. */
export interface ReplicaExit {
  /** On the clock of its platform. */
  readonly atMs: number;
  /** Such as `exit code 3`, `SIGKILL` or `OOM, killed at its limit of 64 MiB (SIGKILL)`. */
  readonly how: string;
  /** Whether its platform reports that it exceeded its memory limit; false where that is unknown. */
  readonly isOutOfMemory: boolean;
}

/** Operations on a replica that is a container. Every call is idempotent and remains in effect over a restart. */
export interface ReplicaContainer {
  /**
   * Sets its memory limit; null restores the initial one. A container that exceeds it, now or later, is killed (OOM).
   * @returns the limit in effect, in MiB; undefined for none
   */
  limitMemory(mebibytes: number | null): Promise<number | undefined>;
  /** Disconnects it from all its networks while it keeps running. */
  disconnect(): Promise<void>;
  /** Reconnects it to them, under the same names. */
  reconnect(): Promise<void>;
}

/** One instance of a service. Every call is idempotent. */
export interface Replica {
  /** For example `inference-2`. */
  readonly name: string;
  /** For example `inference`. */
  readonly service: string;
  /** Its zone, for example `zone-a`: replicas of one zone share power and network. */
  readonly zone: string;
  /** Its own address, not that of a link, as seen by the services; its {@link Protocol} is the scheme: `http://127.0.0.1:41234`. */
  readonly url: string;
  /** URLs of its additional listeners, by name, as seen by the services. @default none */
  readonly listeners?: Readonly<Record<string, string>> | undefined;
  /** Path of its metrics in Prometheus' format; undefined if it has none. */
  readonly metricsPath: string | undefined;
  /** Process id while it runs. */
  readonly pid: number | undefined;
  /** Name of the running instance, unique over restarts: `process 4711`, `container 3f2ac1d20b1e (process 4711)`. */
  readonly instance: string | undefined;
  readonly state: ReplicaState;
  /** End of the previous instance, or of the last one if none runs; undefined if none has ended. */
  readonly lastExit: ReplicaExit | undefined;
  /** Undefined if it is not a container. */
  readonly container?: ReplicaContainer | undefined;
  /** Time that a start takes by itself, such as the load of a model, in ms; beyond it a start is late. */
  readonly coldStartMs: number;
  /** Ends it immediately, like a crash (SIGKILL to its process group); resolves when it is gone. */
  kill(): Promise<void>;
  /** Ends it gracefully (SIGTERM, SIGKILL half a second after its time to drain); resolves when it is gone. Held, it then stays `stopped`; else it is restarted. */
  terminate(): Promise<void>;
  /** Freezes all its processes (SIGSTOP to its process group, or the container's freezer). Ending it thaws them. */
  pause(): Promise<void>;
  /** Resumes a paused instance. */
  resume(): Promise<void>;
  /**
   * Prevents the supervisor from starting it until {@link release}.
   * @param holder must release it itself: a replica only starts when it has no holders, so that the end of a fault does not start a
   * replica that was scaled down. @default the autoscaler, which also holds a replica created in standby
   */
  hold(holder?: string): void;
  /**
   * Ends a hold. Without other holders, starts the replica now if it does not run, even if restarts are disabled, it has `failed`, or
   * it was never started.
   */
  release(holder?: string): Promise<void>;
  /** @throws the signal's reason on abort */
  ready(signal: AbortSignal): Promise<void>;
}

/** Protocol of a link. */
export type Protocol = 'http' | 'redis';

/** A breakable hop, named `from→to`, for example `gateway→inference-2`: a proxy of the Toxiproxy at `proxyApiUrl`. */
export interface Link {
  readonly name: string;
  /** Address to which its clients connect, `host:port`. */
  readonly listen: string;
  /** Address behind it, `host:port`. */
  readonly upstream: string;
  readonly protocol: Protocol;
  /** Zone of its clients; undefined if they are in several zones or outside the stack. */
  readonly fromZone: string | undefined;
  /** Name of the replica behind it. */
  readonly to: string;
}

/** Request on a connection of its own: when it was sent, and its time to first byte, in ms. */
export interface Probe {
  readonly sentMs: number;
  readonly ttfbMs: number;
}

/** Stack that is ready. Disposing stops all of it, within a time limit. */
export interface RunningStack extends AsyncDisposable {
  /** Base URLs for clients, each with its own link; a client distributes its requests over them. */
  readonly entries: readonly string[];
  /** Certificate of the entries; undefined for plain HTTP. */
  readonly entryCertificate: EntryCertificate | undefined;
  /** Origin for the `Host` header and the TLS name, such as `https://llm.test`, while connections go to the entry. @default the entry */
  readonly origin?: string;
  /** Name whose addresses the entries are, all of one server, for clients that look it up again. @default none */
  readonly lookUp?: NameLookUp;
  /** How clients speak TLS. @default without a certificate, trusting those that Node trusts */
  readonly tls?: ClientTls;
  /** Whether the user confirmed that entries outside this machine are theirs. @default false */
  readonly iOwnThisTarget?: boolean;
  /** `Authorization` header of clients; empty for none. */
  readonly authorization: string;
  /** How clients exchange the API key of {@link authorization} for tokens. @default they send it */
  readonly login?: TokenLogin | undefined;
  /** Token with which the stack's services can be changed, see `stack/token.ts`; absent where Squall starts none. */
  readonly token?: string;
  /** Login that the stack's Prometheus requires, also behind its link; absent where there is none. */
  readonly prometheusLogin?: Login | undefined;
  /** Further headers of clients that hold credentials; an `authorization` among them replaces the other. @default none */
  readonly credentials?: Readonly<Record<string, string>>;
  /** Empty without a fault proxy: then {@link Link.listen} is the address of the service itself. */
  readonly proxyApiUrl: string;
  /** Bearer token of that API, of this run only; it belongs in no file and no command line. @default none */
  readonly proxyToken?: string;
  /** By which the harness reaches it, and unless {@link reachesReplicas} is false its replicas, which {@link send} always reaches. */
  readonly network: Network;
  readonly reachesReplicas?: boolean;
  readonly links: readonly Link[];
  readonly replicas: readonly Replica[];
  /** Versions of the third-party programs in use, by name. */
  readonly versions: Readonly<Record<string, string>>;
  /**
   * Sends `GET path`, or `PING` for Redis, to a link or directly to a replica, on a connection of its own and from the network of the
   * stack's services. Any response counts, including an error.
   * @throws without a response: the connection error, or the signal's reason on abort
   */
  probe(target: Link | Replica, path: string, signal: AbortSignal): Promise<Probe>;
  /** Records a connection to a link from its beginning to its end, from the same network. @throws the signal's reason on abort */
  trace(link: Link, request: TraceRequest, signal: AbortSignal): Promise<Trace>;
  /**
   * Sends a request directly to a replica, from the same network. @throws as {@link probe}; absent where there are no replicas
   * @param listener one of its additional listeners. @default its own address
   */
  send?(replica: Replica, request: ShortRequest, signal: AbortSignal, listener?: string): Promise<ShortResponse>;
  /** Refusals so far, from the log of the fault proxy; absent without one. */
  refusals?(): readonly Refusals[];
  /** Also kills the process group of `pid` if the harness dies without stopping the stack. */
  protect(pid: number): void;
  /** Told when the load phase starts, on the clock of {@link UpOptions}; absent where nothing depends on that. */
  loadStarts?(startAtMs: number): void;
}

/** Starts stacks. `Topology` describes their services and links. */
export interface Platform<Topology> {
  readonly kind: string;
  /**
   * Resolves when every service is ready. On failure or abort, everything that was started is stopped before it rejects.
   * @throws SquallError of kind `environment` or `stack`
   */
  up(topology: Topology, options: UpOptions): Promise<RunningStack>;
}

/** Options of {@link Platform.up}. */
export interface UpOptions {
  readonly runId: string;
  /** Seed of the run; determines the random draws of a fault proxy, such as jitter, where that can be seeded. */
  readonly seed: number;
  /** Run directory, absolute; each replica logs to `<replica>.log` in it. */
  readonly directory: string;
  readonly observer: StackObserver;
  /** First of the ports of this machine, which are then the same for each stack. @default any free ones */
  readonly ports?: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/** Observation at an instant on the observer's clock. */
export interface Observation {
  readonly atMs: number;
  /** One sentence with figures, for the report. */
  readonly evidence: string;
  /** Result of an attack, once it is over. */
  readonly requests?: AttackOutcome | undefined;
}

/**
 * Fault, bound to its target: inject → verifyEffect → heal → verifyHealed. `heal` is idempotent and may be called at any time, also
 * after a failed `inject`. Every call ends with its signal. `verifyEffect` and `verifyHealed` wait for an observation without a limit of
 * their own; the signal ends them, and the run is then invalid, since a fault without an observed effect proves nothing.
 */
export interface Fault {
  /** Time that looking at its effect takes by itself, in ms; it extends the limit for {@link verifyEffect}. @default 0 */
  readonly effectDelayMs?: number;
  /** Time that recovery takes by itself, in ms; it extends the limit for {@link verifyHealed}. @default 0 */
  readonly healDelayMs?: number;
  inject(signal: AbortSignal): Promise<void>;
  /** Resolves with the first observation of an effect. */
  verifyEffect(signal: AbortSignal): Promise<Observation>;
  /** Why {@link verifyEffect} cannot tell an effect from the target's own noise, with figures; undefined if it plainly saw none. */
  noise?(): string | undefined;
  heal(signal: AbortSignal): Promise<void>;
  verifyHealed(signal: AbortSignal): Promise<Observation>;
}

/** Binds a planned fault to a running stack. */
export type FaultFactory = (plan: FaultPlan, stack: RunningStack, clock: Clock) => Fault;

/** Input of a load generator. */
export interface LoadJob {
  /** Marks the generator's process, so that leftovers of a run can be identified. */
  readonly runId: string;
  readonly plan: LoadPlan;
  readonly seed: number;
  /** Arrivals that it sends. @default all */
  readonly partition?: Partition;
  readonly targets: readonly string[];
  /** PEM of the CA of `https` targets; undefined for publicly trusted ones. */
  readonly authority: string | undefined;
  /** These as of {@link RunningStack}. */
  readonly origin?: string;
  readonly lookUp?: NameLookUp;
  readonly tls?: ClientTls;
  readonly login?: TokenLogin;
  readonly authorization: string;
  /** File to which to append request records, one JSON object per line: `requests.ndjson`; further workers use `requests.2.ndjson` … */
  readonly journalPath: string;
  /** After so many, divided by the workers, it goes on in `requests-1.ndjson` … @default 8 MiB */
  readonly journalBytes?: number;
  readonly logPath: string;
}

/** Snapshot for the progress line and for the steady-state check. */
export interface LoadProgress {
  readonly sent: number;
  readonly completed: number;
  readonly failed: number;
  readonly dropped: number;
  readonly inFlight: number;
  /** Over about the last second; null without samples. */
  readonly recentP99TtftMs: number | null;
  readonly recentPerSecond: number;
  /** What was noticed so far; absent from engines that do not look. */
  readonly notes?: readonly LoadNote[];
  /** Counts of warm-up arrivals; failures by `errorKind`. */
  readonly warmUp: { readonly completed: number; readonly failures: Readonly<Record<string, number>> };
}

/** Final report of a load generator about itself. */
export interface LoadSummary {
  readonly cpuMs: number;
  readonly wallMs: number;
  readonly peakRssBytes: number;
  /** Number of cores that it can use, 1 for a single thread; absent if unknown. */
  readonly cores?: number;
  /** Core utilisation of the busiest of several generators, 0–1, in a combined summary. */
  readonly busiest?: number;
  /** Number of requests that it started, warm-up included; absent if unknown. */
  readonly requests?: number;
  /** What was noticed, most frequent first; absent from engines that do not look. */
  readonly notes?: readonly LoadNote[];
  /** Absent from engines that do not tell. */
  readonly connections?: ConnectionCounts;
  /** `unknown` if it does not report when requests were due: `scheduledMs` of its records is then the start of sending. */
  readonly lateness?: 'unknown';
}

/** Running load generator, in processes of its own except in virtual time. Disposing ends it. */
export interface RunningLoad extends AsyncDisposable {
  /** Leaders of its process groups; empty in virtual time. */
  readonly pids: readonly number[];
  /** Instant of the start on the machine's monotonic clock ({@link Clock.nowMs}). */
  readonly startAtMs: number;
  progress(): LoadProgress;
  /** Settles when the last request has ended. @throws SquallError if the generator dies */
  readonly done: Promise<LoadSummary>;
  /** Sends no more requests and aborts those in flight (recorded as `interrupted`); `done` then settles soon. */
  stop(): void;
}

/** Generates the load of a {@link LoadPlan}. */
export interface LoadEngine {
  readonly name: string;
  /**
   * Resolves once the generator is ready to send.
   * @param chooseStart called once at that moment, for the instant of the start: a slow startup then does not delay the first arrival
   */
  start(job: LoadJob, chooseStart: () => number, signal: AbortSignal): Promise<RunningLoad>;
}
