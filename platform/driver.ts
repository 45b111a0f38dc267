import type { FirstByte } from '../harness/host/probe.ts';
import type { ReplicaPlan } from '../stack/replica-plan.ts';
import type { LinkPlan } from '../stack/topology.ts';
import type { Directory } from './addresses.ts';
import type { EdgeAccess } from './entry-certificate.ts';
import type { Program } from './instance.ts';
import type { SupervisedPlan } from './supervisor.ts';
import type { Guard } from './watchdog/watchdog.ts';

/** What runs beside the replicas, such as the fault proxy: it is never restarted, and only its death is news. */
export type Helper = Program & Pick<SupervisedPlan, 'name' | 'url' | 'isReady'>;

/** What {@link Driver.open} tells. */
export interface Opened {
  /** In the order in which they start. The fault proxy is one of them. */
  readonly helpers: readonly Helper[];
  /** `source` says where it comes from, such as `PATH`. Without a `version` the running one is asked. */
  readonly proxy: { readonly apiUrl: string; readonly source: string; readonly version?: string | undefined };
}

/** From SIGTERM to SIGKILL when a stack is taken down, in ms. */
export interface Graces {
  /** For those whom clients use, which drain. */
  readonly last: number;
  /** For the other replicas, which end after them. */
  readonly others: number;
  readonly helpers: number;
}

/**
 * What is different from one platform to the next; the rest is `platform.ts`, which calls it in this order, and `leave` after
 * whatever failed, too:
 *
 * ```
 * open ─▶ programOf each replica ─▶ listenersOf each link ─▶ probe, edge … ─▶ leave
 * ```
 */
export interface Driver {
  /** Of the real parts that are used, by name, without the fault proxy's. */
  readonly versions: Readonly<Record<string, string>>;
  readonly where: Directory;
  readonly graceMs: Graces;
  readonly edge: EdgeAccess;
  /** Makes room for the first program. @param guard to be told of whatever must not outlive the harness */
  open(guard: Guard, signal: AbortSignal): Promise<Opened>;
  /** Prepares what a replica runs, and its files. */
  programOf(plan: ReplicaPlan, guard: Guard): Promise<Program>;
  /** Where the fault proxy is to listen for a link, and where those who use the link connect to; both `host:port`. */
  listenersOf(link: LinkPlan): Promise<{ readonly asked: string; readonly listen: string }>;
  /** Sends a probe from where the services stand. @throws when nothing answers, or the signal's reason on abort */
  probe(url: string, signal: AbortSignal): Promise<FirstByte>;
  /**
   * Frees and removes what programs leave behind when all have been ended. Idempotent, bounded.
   * @returns what is still there, in words, for the watchdog to remove; undefined for nothing
   */
  leave(): Promise<string | undefined>;
}
