import { mkdir } from 'node:fs/promises';
import type { Platform } from '../../harness/contracts.ts';
import { probe } from '../../harness/host/probe.ts';
import type { Topology } from '../../stack/topology.ts';
import { startWatchdog } from '../watchdog/watchdog.ts';
import { type ExternalTarget, hostAndPort, reachableAddress } from './reach.ts';

/**
 * A server that Squall did not start, with nothing in between: for runs whose faults need no proxy. Clients, attackers among them,
 * connect to an address that was checked, each from an address of its own, and the server's own reaction to them is what they see.
 *
 * ```
 * load ─────▶ target
 * attacker ─▶
 * ```
 */
export function straightPlatform(target: ExternalTarget): Platform<Topology> {
  const { protocol, origin, pathname } = new URL(target.url);
  const prefix = pathname.replace(/\/$/, '');
  return {
    kind: 'external',
    async up({ links, authorization }, { runId, directory, observer, signal, clock }) {
      const listen = hostAndPort(await reachableAddress(target, signal), target.port);
      await mkdir(directory, { recursive: true });
      const onLost = (how: string) =>
        observer.replica({
          replica: 'watchdog',
          service: 'watchdog',
          state: 'exited',
          detail: `${how}; nothing cleans up if the harness is killed`,
        });
      const watchdog = await startWatchdog({ runId, directory, signal, onLost });
      const only = { listen, upstream: listen, protocol: 'http', fromZone: undefined } as const;
      return {
        entries: [`${protocol}//${listen}${prefix}`],
        entryCertificate: undefined,
        origin,
        iOwnThisTarget: target.iOwnThisTarget,
        authorization,
        proxyApiUrl: '',
        links: links.map(({ name, to }) => ({ name, to, ...only })),
        replicas: [],
        versions: {},
        probe: (_link, path, asked) => probe(origin + prefix + path, { via: listen, clock, signal: asked }),
        protect: pid => watchdog.register({ kind: 'process-group', pgid: pid }),
        [Symbol.asyncDispose]: () => watchdog.disarm(),
      };
    },
  };
}
