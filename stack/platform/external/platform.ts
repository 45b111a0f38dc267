import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Link, Platform, RunningStack, UpOptions } from '../../../harness/contracts.ts';
import type { Topology } from '../../topology.ts';
import type { FaultProxy, ProxyApi } from '../fault-proxy.ts';
import { LOOPBACK, type ReservedPort, reservePort } from '../ports.ts';
import { serviceEnvironment } from '../process/process-environment.ts';
import { startProcess } from '../process/service-process.ts';
import { answersReady } from '../readiness.ts';
import { Supervisor } from '../supervisor.ts';
import { reap } from '../watchdog/reap.ts';
import { startWatchdog, type Watchdog } from '../watchdog/watchdog.ts';
import { probeThrough } from './probe.ts';
import { type ExternalTarget, reachableAddress } from './reach.ts';

/** The one link there is: from Squall's clients to the target. */
export const TARGET_LINK = 'client→target';

/** What an external stack is made of. */
export type ExternalTopology = Pick<Topology, 'links' | 'authorization'>;

const PROXY = 'toxiproxy';
const PROXY_READY_LIMIT_MS = 60_000;
const PROXY_GRACE_MS = 500;
const SWEEP_LIMIT_MS = 500;

/** The topology around a target: no replica, {@link TARGET_LINK} alone. `authorization` is the header that clients send. */
export function externalTopology(authorization: string): Topology {
  return {
    replicas: [],
    links: [{ name: TARGET_LINK, to: 'target', port: 0, usedBy: 'clients' }],
    authorization,
  };
}

/**
 * A fault proxy in front of a server that Squall did not start and never stops:
 *
 * ```
 * load ─▶ client→target (fault proxy, 127.0.0.1) ─▶ target
 * up:    target answers? ─▶ watchdog ─▶ fault proxy ─▶ link
 * down:  fault proxy ─▶ leftovers ─▶ goodbye to the watchdog
 * ```
 *
 * The link leads to an address that was checked, never to a name. Clients keep the target's own name for `Host` and TLS, which
 * goes through the link unopened.
 *
 * Not done: replicas, zones and metrics of the target are unknown here, so no fault and no objective can be about them.
 */
export function externalPlatform(proxy: FaultProxy, target: ExternalTarget): Platform<ExternalTopology> {
  return {
    kind: 'external',
    up: (topology, options) => new ExternalStack(topology, target, options).up(proxy),
  };
}

class ExternalStack {
  readonly #topology: ExternalTopology;
  readonly #target: ExternalTarget;
  readonly #options: UpOptions;
  readonly #ports = new Map<string, ReservedPort>();
  #watchdog: Watchdog | undefined;
  #proxy: Supervisor | undefined;
  #down: Promise<void> | undefined;

  constructor(topology: ExternalTopology, target: ExternalTarget, options: UpOptions) {
    this.#topology = topology;
    this.#target = target;
    this.#options = options;
  }

  async up(proxy: FaultProxy): Promise<RunningStack> {
    try {
      return await this.#bringUp(proxy);
    } catch (error) {
      await this.#takeDown();
      throw error;
    }
  }

  async #bringUp(proxy: FaultProxy): Promise<RunningStack> {
    const { runId, directory, signal, clock, observer } = this.#options;
    const { url } = this.#target;
    signal.throwIfAborted();
    await mkdir(directory, { recursive: true });
    const address = await reachableAddress(this.#target, signal);
    for (const name of [PROXY, ...this.#topology.links.map(link => link.name)])
      this.#ports.set(name, await reservePort());
    const onLost = (how: string) =>
      observer.replica({
        replica: 'watchdog',
        service: 'watchdog',
        state: 'exited',
        detail: `${how}; nothing cleans up if the harness is killed`,
      });
    this.#watchdog = await startWatchdog({ runId, directory, signal, onLost });
    const { api, proxyApiUrl, version } = await this.#startProxy(proxy, this.#watchdog);
    const links = await this.#makeLinks(api, address);
    const { protocol, origin, pathname } = new URL(url);
    const prefix = pathname.replace(/\/$/, '');
    return {
      entries: links.map(({ listen }) => `${protocol}//${listen}${prefix}`),
      origin,
      entryCertificate: undefined,
      authorization: this.#topology.authorization,
      proxyApiUrl,
      links,
      replicas: [],
      versions: { node: process.version, toxiproxy: version },
      probe: (target, path, signal) =>
        probeThrough('listen' in target ? target.listen : `${address}:${this.#target.port}`, url, path, clock, signal),
      protect: pid => this.#watchdog?.register({ kind: 'process-group', pgid: pid }),
      [Symbol.asyncDispose]: () => this.#takeDown(),
    };
  }

  async #startProxy(proxy: FaultProxy, watchdog: Watchdog) {
    const { runId, directory, signal, clock, observer } = this.#options;
    const port = await this.#claim(PROXY);
    const url = `http://${LOOPBACK}:${port}`;
    const found = await proxy.find({ host: LOOPBACK, port }, signal);
    const logPath = join(directory, `${PROXY}.log`);
    // Toxiproxy otherwise logs every connection.
    const environment = serviceEnvironment(runId, { LOG_LEVEL: 'warn' });
    const { command, args } = found;
    this.#proxy = new Supervisor(
      {
        name: PROXY,
        service: PROXY,
        zone: '',
        url,
        logPath,
        // Another one would not know the link.
        restart: 'off',
        start: () => startProcess({ command, args, environment, directory, logPath }, watchdog, clock),
        isReady: asked => answersReady(`${url}/version`, asked),
      },
      // It is no part of what is tested; only its death is news.
      { clock, observer: { replica: change => (change.state === 'exited' ? observer.replica(change) : undefined) } },
    );
    await this.#proxy.start(PROXY_READY_LIMIT_MS, signal);
    const api = proxy.connect({ apiUrl: url });
    const version = found.version ?? (await api.version(signal));
    return { api, proxyApiUrl: url, version: `${version} (${found.source})` };
  }

  async #makeLinks(api: ProxyApi, address: string): Promise<Link[]> {
    const host = address.includes(':') ? `[${address}]` : address;
    const upstream = `${host}:${this.#target.port}`;
    return Promise.all(
      this.#topology.links.map(async ({ name, to, fromZone }) => {
        const asked = `${LOOPBACK}:${await this.#claim(name)}`;
        const { listen } = await api.createProxy({ name, listen: asked, upstream }, this.#options.signal);
        return { name, listen, upstream, protocol: 'http' as const, fromZone, to };
      }),
    );
  }

  async #claim(name: string): Promise<number> {
    const reserved = this.#ports.get(name)!;
    await reserved.free();
    return reserved.port;
  }

  #takeDown(): Promise<void> {
    this.#down ??= this.#stopAll();
    return this.#down;
  }

  async #stopAll(): Promise<void> {
    await this.#proxy?.stop(PROXY_GRACE_MS);
    await Promise.all([...this.#ports.values()].map(reserved => reserved.free()));
    const { runId, clock } = this.#options;
    if (this.#watchdog) await reap({ groups: [], runId, clock, limitMs: SWEEP_LIMIT_MS });
    await this.#watchdog?.goodbye();
  }
}
