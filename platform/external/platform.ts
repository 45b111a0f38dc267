import { mkdir } from 'node:fs/promises';
import type { Clock } from '../../harness/clock.ts';
import type { Platform } from '../../harness/contracts.ts';
import { tlsOptionsOf } from '../../harness/host/client-tls.ts';
import { systemNetwork } from '../../harness/host/network.ts';
import { systemSecrets } from '../../harness/host/secrets.ts';
import type { TraceRequest } from '../../harness/host/trace.ts';
import { trace } from '../../harness/host/trace.ts';
import type { Topology } from '../../stack/topology.ts';
import type { FaultProxy } from '../fault-proxy.ts';
import { platformOn } from '../platform.ts';
import { processDriver } from '../process/platform.ts';
import { reportLoss, startWatchdog } from '../watchdog/watchdog.ts';
import { type ExternalTarget, hostAndPort, reachableAddresses } from './reach.ts';
import { probeTarget } from './target-probe.ts';

const network = systemNetwork;

/** Name of the only link: from Squall's clients to the target. */
export const TARGET_LINK = 'client→target';

/** Topology of a target: no replicas, only {@link TARGET_LINK}. @param authorization header value that clients send */
export function externalTopology(authorization: string): Topology {
  return {
    replicas: [],
    links: [{ name: TARGET_LINK, to: 'target', port: 0, usedBy: 'clients' }],
    authorization,
  };
}

/**
 * Platform with a fault proxy in front of a running server, which Squall neither starts nor stops:
 *
 * ```
 * load ─▶ client→target (fault proxy, 127.0.0.1) ─▶ target
 * ```
 *
 * The upstream is a checked address, never a name, and one only, whatever the name stands for. Clients use the target's own name for `Host` and TLS; the proxy does not
 * terminate TLS. Replicas and zones of the target are unknown, so no fault can refer to them.
 */
export function externalPlatform(proxy: FaultProxy, target: ExternalTarget): Platform<Topology> {
  const { origin, entryAt, probeVia, traceVia } = clientView(target);
  const platform = platformOn({
    kind: 'external',
    secret: systemSecrets,
    connect: proxy.connect,
    async prepare(topology, options) {
      const [address] = await reachableAddresses(target, { clock: options.clock, network }, options.signal);
      const upstream = hostAndPort(address, target.port);
      const driver = await processDriver(proxy, topology, options);
      return {
        ...driver,
        where: { ...driver.where, replica: () => upstream },
        async probe(url, signal) {
          const { host, pathname } = new URL(url);
          return probeVia(host, upstream, pathname, options.clock, signal);
        },
        trace(url, request, signal) {
          const { host, pathname } = new URL(url);
          return traceVia(host, { ...request, path: pathname }, options.clock, signal);
        },
      };
    },
  });
  return {
    kind: platform.kind,
    async up(topology, options) {
      const stack = await platform.up(topology, options);
      return {
        ...stack,
        origin,
        ...(target.tls && { tls: target.tls }),
        ...(target.credentials && { credentials: target.credentials }),
        entries: stack.links.map(({ listen }) => entryAt(listen)),
      };
    },
  };
}

/**
 * Platform of a running server without a proxy, for runs whose faults need none. Clients connect directly to its checked addresses in
 * turn, attackers to the first, each from an address of its own, so they see the server's own reaction.
 */
export function directPlatform(target: ExternalTarget): Platform<Topology> {
  const { origin, hostname, entryAt, probeVia, traceVia } = clientView(target);
  return {
    kind: 'external',
    async up({ links, authorization }, { runId, directory, observer, signal, clock }) {
      const addresses = await reachableAddresses(target, { clock, network }, signal);
      const listen = hostAndPort(addresses[0], target.port);
      await mkdir(directory, { recursive: true });
      const watchdog = await startWatchdog({ runId, directory, signal, onLost: reportLoss(observer) });
      return {
        entries: addresses.map(address => entryAt(hostAndPort(address, target.port))),
        lookUp: { hostname, iOwnThisTarget: target.iOwnThisTarget },
        entryCertificate: undefined,
        origin,
        ...(target.tls && { tls: target.tls }),
        ...(target.credentials && { credentials: target.credentials }),
        iOwnThisTarget: target.iOwnThisTarget,
        authorization,
        proxyApiUrl: '',
        links: links.map(({ name, to }) => ({
          name,
          to,
          listen,
          upstream: listen,
          protocol: 'http',
          fromZone: undefined,
        })),
        replicas: [],
        versions: {},
        network,
        probe: (_link, path, abort) => probeVia(listen, listen, path, clock, abort),
        trace: (_link, request, abort) => traceVia(listen, request, clock, abort),
        protect: pid => watchdog.register({ kind: 'process-group', pgid: pid }),
        [Symbol.asyncDispose]: () => watchdog.disarm(),
      };
    },
  };
}

/** The target as clients address it: entries and probes that connect to another address (`host:port`). */
function clientView({ url, tls }: ExternalTarget) {
  const { protocol, origin, hostname, pathname } = new URL(url);
  const prefix = pathname.replace(/\/$/, '');
  return {
    origin,
    hostname: hostname.replace(/^\[|\]$/g, ''),
    entryAt: (address: string) => `${protocol}//${address}${prefix}`,
    probeVia: (via: string, direct: string, path: string, clock: Clock, signal: AbortSignal) =>
      probeTarget(path, { base: origin + prefix, via, direct, clock, network, signal, tls: tlsOptionsOf(tls) }),
    traceVia: (via: string, request: TraceRequest, clock: Clock, signal: AbortSignal) =>
      trace(origin + prefix + request.path, request, { via, clock, network, signal, tls: tlsOptionsOf(tls) }),
  };
}
