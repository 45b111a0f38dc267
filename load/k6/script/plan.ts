import type { LoadJob } from '../../../harness/contracts.ts';
import type { LoadPlan } from '../../../harness/plan.ts';
import { type Partition, partOf, WHOLE } from '../../../harness/segment.ts';
import { isClosed } from '../../schedule.ts';

/** What the script needs of a load plan; plain JSON. */
export interface ScriptPlan extends Pick<LoadPlan, 'ramps' | 'workload' | 'maxInFlight'> {
  readonly seed: number;
  /** Of the users of a closed loop; null in an open one. */
  readonly thinkTimeMs: readonly [number, number] | null;
  /** Which arrivals are this k6's; `maxInFlight` is its part of that. */
  readonly partition: Partition;
  /** Base URLs, without a slash at the end. */
  readonly targets: readonly string[];
  /** Says who is asked, where the URLs do not. */
  readonly host?: string;
  /** k6's option: where `host:port` of a URL really is. */
  readonly hosts?: Readonly<Record<string, string>>;
  /** Longest wait for a whole answer, which is the one timeout that k6 has. */
  readonly timeoutMs: number;
}

/** The part of a job that is the script's. */
export function scriptPlan(job: Pick<LoadJob, 'plan' | 'seed' | 'partition' | 'targets' | 'origin'>): ScriptPlan {
  const { plan, seed, partition = WHOLE, targets, origin } = job;
  const { ramps, workload, arrivals, idleTimeoutMs: timeoutMs } = plan;
  const thinkTimeMs = isClosed(arrivals) ? arrivals.thinkTimeMs : null;
  const maxInFlight = partOf(plan.maxInFlight, partition);
  return { ramps, workload, maxInFlight, seed, partition, thinkTimeMs, timeoutMs, ...addressed(targets, origin) };
}

/** Whether k6 can ask for a server by its own name where it listens elsewhere: the keys of `hosts` are names of DNS and IPv4 addresses. */
export function canBeAskedFor({ protocol, hostname }: URL): boolean {
  return protocol === 'http:' || /^[a-z\d]([a-z\d-]*[a-z\d])?(\.[a-z\d]([a-z\d-]*[a-z\d])?)*$/.test(hostname);
}

/** A header suffices, but for TLS: there the URL decides which certificate is right, and `hosts` where the connection goes. */
function addressed(targets: readonly string[], origin?: string): Pick<ScriptPlan, 'targets' | 'host' | 'hosts'> {
  const bases = targets.map(target => target.replace(/\/$/, ''));
  if (origin === undefined) return { targets: bases };
  const { protocol, host, hostname, port } = new URL(origin);
  if (protocol === 'http:') return { targets: bases, host };
  const { host: link, pathname } = new URL(bases[0]!);
  const hosts = { [`${hostname}:${port || 443}`]: link };
  return { targets: [`${protocol}//${host}${pathname.replace(/\/$/, '')}`], hosts };
}
