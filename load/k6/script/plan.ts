import type { LoadJob } from '../../../harness/contracts.ts';
import type { LoadPlan } from '../../../harness/plan.ts';
import { type Partition, partOf, WHOLE } from '../../../harness/segment.ts';
import { isClosed } from '../../schedule.ts';

/** Load plan of the k6 script; plain JSON. */
export interface ScriptPlan
  extends Pick<LoadPlan, 'upstreamHeader' | 'ramps' | 'workload' | 'maxInFlight' | 'headers' | 'body' | 'salt'> {
  readonly runId: string;
  readonly seed: number;
  /** Think time of the users of a closed loop; null in an open loop. */
  readonly thinkTimeMs: readonly [number, number] | null;
  /** Partition of this k6; `maxInFlight` is already its part. */
  readonly partition: Partition;
  /** Base URLs, without a trailing slash. */
  readonly targets: readonly string[];
  /** Value of `Host`, where it is not that of the URLs. */
  readonly host?: string;
  /** Option of k6: address to connect to, by `host:port` of a URL. */
  readonly hosts?: Readonly<Record<string, string>>;
  /** Whether any certificate of the server is accepted. @default false */
  readonly insecure?: true;
  /** Timeout for the complete response, the only one that k6 has. */
  readonly timeoutMs: number;
}

/** Makes the script's plan from a job. */
export function scriptPlan(
  job: Pick<LoadJob, 'runId' | 'plan' | 'seed' | 'partition' | 'targets' | 'origin' | 'tls'>,
): ScriptPlan {
  const { runId, plan, seed, partition = WHOLE, targets, origin, tls } = job;
  const { ramps, workload, headers, body, salt, upstreamHeader, arrivals, idleTimeoutMs: timeoutMs } = plan;
  const sent = {
    ramps,
    workload,
    ...(headers && { headers }),
    ...(body && { body }),
    ...(salt !== undefined && { salt }),
    ...(tls?.insecure && { insecure: true as const }),
    ...(upstreamHeader !== undefined && { upstreamHeader }),
  };
  const thinkTimeMs = isClosed(arrivals) ? arrivals.thinkTimeMs : null;
  const maxInFlight = partOf(plan.maxInFlight, partition);
  return { ...sent, maxInFlight, runId, seed, partition, thinkTimeMs, timeoutMs, ...addressing(targets, origin) };
}

/** Whether k6 can send a target's own name to another address: over TLS only for DNS names and IPv4 addresses, the keys of `hosts`. */
export function supportsTarget({ protocol, hostname }: URL): boolean {
  return protocol === 'http:' || /^[a-z\d]([a-z\d-]*[a-z\d])?(\.[a-z\d]([a-z\d-]*[a-z\d])?)*$/.test(hostname);
}

/** Without TLS a `Host` header suffices; with TLS the URL decides the expected certificate, and `hosts` the address. */
function addressing(targets: readonly string[], origin?: string): Pick<ScriptPlan, 'targets' | 'host' | 'hosts'> {
  const bases = targets.map(target => target.replace(/\/$/, ''));
  if (origin === undefined) return { targets: bases };
  const { protocol, host, hostname, port } = new URL(origin);
  if (protocol === 'http:') return { targets: bases, host };
  const { host: link, pathname } = new URL(bases[0]!);
  const hosts = { [`${hostname}:${port || 443}`]: link };
  return { targets: [`${protocol}//${host}${pathname.replace(/\/$/, '')}`], hosts };
}
