import type { LoadJob } from '../../../harness/contracts.ts';
import { tlsOptionsOf } from '../../../harness/host/client-tls.ts';
import type { Machine } from '../../../harness/host/network.ts';
import { isLoopback } from '../../../harness/host/target.ts';
import { DEFAULT_CONNECTIONS } from '../../../harness/plan.ts';
import type { Target } from '../task.ts';
import { addressBook } from './addresses.ts';
import { openConnections } from './connections.ts';

/**
 * Opens the targets of a job. Where they are the addresses of one name, which `job.lookUp` says, they are one target that knows all
 * of them and looks the name up again; otherwise each is a target by itself.
 */
export function openTargets(job: LoadJob, machine: Machine): Target[] {
  const { targets, lookUp } = job;
  if (!lookUp) return targets.map(url => openTarget(job, machine, url, [addressOf(url)]));
  const renewed = async () => {
    const found = await machine.network.lookup(lookUp.hostname);
    return found.filter(address => lookUp.iOwnThisTarget || isLoopback(address));
  };
  return [openTarget(job, machine, targets[0]!, targets.map(addressOf), renewed)];
}

function openTarget(
  { plan, origin, authority, tls }: LoadJob,
  machine: Machine,
  url: string,
  addresses: readonly string[],
  lookUp?: () => Promise<readonly string[]>,
): Target {
  const { protocol, port, pathname, origin: own } = new URL(url);
  const connections = openConnections({
    origin: origin ?? own,
    addresses: addressBook({ addresses, lookUp, nowMs: () => machine.clock.nowMs() }),
    port: Number(port || (protocol === 'https:' ? 443 : 80)),
    tls: { ...tlsOptionsOf(tls), ...(authority === undefined ? {} : { ca: authority }) },
    connectTimeoutMs: plan.connectTimeoutMs,
    use: plan.clients?.connections ?? DEFAULT_CONNECTIONS,
    machine,
  });
  return { prefix: pathname.replace(/\/$/, ''), connections };
}

function addressOf(url: string): string {
  return new URL(url).hostname.replace(/^\[|\]$/g, '');
}
