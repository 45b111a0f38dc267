import type { UpOptions } from '../harness/contracts.ts';
import type { Network } from '../harness/host/network.ts';
import type { FirstByte } from '../harness/host/probe.ts';
import type { ShortRequest, ShortResponse } from '../harness/host/send.ts';
import type { Trace, TraceRequest } from '../harness/host/trace.ts';
import type { ReplicaPlan } from '../stack/replica-plan.ts';
import type { LinkPlan } from '../stack/topology.ts';
import type { Directory } from './addresses.ts';
import type { EdgeAccess } from './entry-certificate.ts';
import type { Program } from './instance.ts';
import type { SupervisedPlan } from './supervisor.ts';
import type { Guard } from './watchdog/watchdog.ts';

/** A program beside the replicas, such as the fault proxy. It is never restarted; only its exit is reported. */
export type Helper = Program & Pick<SupervisedPlan, 'name' | 'url' | 'isReady'>;

/** Options of a stack, and the token of its run, which its services get in their environment. */
export interface DriverOptions extends UpOptions {
  readonly token: string;
}

/** Result of {@link Driver.open}. */
export interface Opened {
  /** In start order, including the fault proxy. */
  readonly helpers: readonly Helper[];
  /** Fault proxy. `token` is of its API; `source` is where it comes from, such as `PATH`; a missing `version` is read from its API. */
  readonly proxy: {
    readonly apiUrl: string;
    readonly token: string;
    readonly source: string;
    readonly version?: string | undefined;
  };
}

/**
 * Part of a platform that differs from the others; the rest is `platform.ts`, which calls the driver in this order, with `cleanup`
 * after any failure, too:
 *
 * ```
 * open ─▶ programOf each replica ─▶ listenersOf each link ─▶ probe, edge … ─▶ cleanup
 * ```
 */
export interface Driver {
  /** Versions of the real tools in use, by name, without the fault proxy's. */
  readonly versions: Readonly<Record<string, string>>;
  /** Reaches the stack from the harness. */
  readonly network: Network;
  /** Whether that reaches replicas too. @default true */
  readonly reachesReplicas?: boolean;
  readonly where: Directory;
  /**
   * Time from SIGTERM to SIGKILL when a stack is taken down, in ms: for the last tier, which drains, for the other replicas, which
   * end after it, and for helpers.
   */
  readonly graceMs: { readonly last: number; readonly others: number; readonly helpers: number };
  readonly edge: EdgeAccess;
  /** Makes room for the first program. @param guard registers everything that must not outlive the harness */
  open(guard: Guard, signal: AbortSignal): Promise<Opened>;
  /** Prepares a replica's program and its files. */
  programOf(plan: ReplicaPlan, guard: Guard): Promise<Program>;
  /** Requested listen address of a link's proxy, and the address that users of the link connect to, `host:port`. */
  listenersOf(link: LinkPlan): Promise<{ readonly requested: string; readonly listen: string }>;
  /** Sends a probe from where the services run. @throws without a response, or the signal's reason on abort */
  probe(url: string, signal: AbortSignal): Promise<FirstByte>;
  /** Records a connection, likewise. @throws the signal's reason on abort */
  trace(url: string, request: TraceRequest, signal: AbortSignal): Promise<Trace>;
  /** Sends a request to a service, likewise. @param origin of a replica, as services see it */
  send(origin: string, request: ShortRequest, signal: AbortSignal): Promise<ShortResponse>;
  /**
   * Frees and removes what programs leave behind, after all have ended. Idempotent, bounded in time.
   * @returns a description of what is left for the watchdog to remove; undefined if nothing is
   */
  cleanup(): Promise<string | undefined>;
}
