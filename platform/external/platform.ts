import type { Platform } from '../../harness/contracts.ts';
import { probe } from '../../harness/host/probe.ts';
import type { Topology } from '../../stack/topology.ts';
import type { FaultProxy } from '../fault-proxy.ts';
import { platformOn } from '../platform.ts';
import { processDriver } from '../process/driver.ts';
import { type ExternalTarget, hostAndPort, reachableAddress } from './reach.ts';

/** The one link there is: from Squall's clients to the target. */
export const TARGET_LINK = 'client→target';

/** The topology around a target: no replica, {@link TARGET_LINK} alone. `authorization` is the header that clients send. */
export function externalTopology(authorization: string): Topology {
  return {
    replicas: [],
    links: [{ name: TARGET_LINK, to: 'target', port: 0, usedBy: 'clients' }],
    authorization,
  };
}

/**
 * A fault proxy in front of a server that Squall did not start and never stops, once that answers:
 *
 * ```
 * load ─▶ client→target (fault proxy, 127.0.0.1) ─▶ target
 * ```
 *
 * The link leads to an address that was checked, never to a name. Clients keep the target's own name for `Host` and TLS, which
 * goes through the link unopened.
 *
 * Not done: replicas, zones and metrics of the target are unknown here, so no fault and no objective can be about them.
 */
export function externalPlatform(proxy: FaultProxy, target: ExternalTarget): Platform<Topology> {
  const { protocol, origin, pathname } = new URL(target.url);
  const prefix = pathname.replace(/\/$/, '');
  const platform = platformOn({
    kind: 'external',
    connect: proxy.connect,
    async prepare(topology, options) {
      const upstream = hostAndPort(await reachableAddress(target, options.signal), target.port);
      const driver = await processDriver(proxy, topology, options);
      return {
        ...driver,
        where: { ...driver.where, replica: () => upstream },
        async probe(url, signal) {
          const { host, pathname } = new URL(url);
          return probe(origin + prefix + pathname, { via: host, clock: options.clock, signal });
        },
      };
    },
  });
  return {
    kind: platform.kind,
    async up(topology, options) {
      const stack = await platform.up(topology, options);
      return { ...stack, origin, entries: stack.links.map(({ listen }) => `${protocol}//${listen}${prefix}`) };
    },
  };
}
