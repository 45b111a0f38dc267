import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { StackObserver } from '../harness/cluster/observer.ts';
import type { Link, Platform, RunningStack } from '../harness/contracts.ts';
import type { SecretBytes } from '../harness/host/secrets.ts';
import type { ReplicaPlan } from '../stack/replica-plan.ts';
import { listenerToken, newToken, tokenHeaders } from '../stack/token.ts';
import type { LinkPlan, Topology } from '../stack/topology.ts';
import { readyUrlOf } from './addresses.ts';
import type { Driver, DriverOptions, Helper } from './driver.ts';
import { entryCertificate } from './entry-certificate.ts';
import { type FaultProxy, PROXY, type ProxyApi } from './fault-proxy.ts';
import { isReadyAt } from './readiness.ts';
import { refusalsIn } from './refusals.ts';
import { followScale } from './scaling.ts';
import { Supervisor } from './supervisor.ts';
import { startTiers } from './tiers.ts';
import { reportLoss, startWatchdog, type Watchdog, type WatchdogOptions } from './watchdog/watchdog.ts';

/** Parts of a platform. */
export interface PlatformParts {
  readonly kind: string;
  /** Max time for a service to become ready, in addition to its cold start, in ms. @default 60000 */
  readonly readyLimitMs?: number | undefined;
  readonly connect: FaultProxy['connect'];
  /** Source of its tokens. */
  readonly secret: SecretBytes;
  /** Starts what cleans up after a killed harness. @default a process */
  readonly watch?: (options: WatchdogOptions) => Promise<Watchdog>;
  /** Finds and reserves what the stack needs, without starting anything. Reserves nothing if it throws. */
  prepare(topology: Topology, options: DriverOptions): Promise<Driver>;
}

/**
 * A platform on a {@link Driver}; every hop of its stacks goes through one fault proxy.
 *
 * ```
 * up:    prepare ─▶ watchdog ─▶ open ─▶ helpers, replicas without links ─▶ links ─▶ users of those ─▶ … ─▶ ready
 * down:  the last tier ─▶ all other replicas ─▶ helpers ─▶ cleanup ─▶ disarm the watchdog
 * ```
 */
export function platformOn(parts: PlatformParts): Platform<Topology> {
  return {
    kind: parts.kind,
    async up(topology, options) {
      const tiers = startTiers(topology);
      options.signal.throwIfAborted();
      // Not asynchronously: virtual time does not wait for a disk.
      mkdirSync(options.directory, { recursive: true });
      const driverOptions = { ...options, token: newToken(parts.secret) };
      return new Stack(topology, tiers, driverOptions, parts, await parts.prepare(topology, driverOptions)).up();
    },
  };
}

class Stack {
  readonly #topology: Topology;
  readonly #tiers: readonly ReplicaPlan[][];
  readonly #options: DriverOptions;
  readonly #parts: PlatformParts;
  readonly #driver: Driver;
  /** Aborted when a part of the start fails. */
  readonly #starting = new AbortController();
  readonly #signal: AbortSignal;
  readonly #replicas: Supervisor[] = [];
  readonly #helpers: Supervisor[] = [];
  #watchdog: Watchdog | undefined;
  #scaling: AsyncDisposable | undefined;
  #down: Promise<void> | undefined;

  constructor(
    topology: Topology,
    tiers: ReplicaPlan[][],
    options: DriverOptions,
    parts: PlatformParts,
    driver: Driver,
  ) {
    this.#topology = topology;
    this.#tiers = tiers;
    this.#options = options;
    this.#parts = parts;
    this.#driver = driver;
    this.#signal = AbortSignal.any([options.signal, this.#starting.signal]);
  }

  async up(): Promise<RunningStack> {
    try {
      return await this.#bringUp();
    } catch (error) {
      this.#starting.abort(error);
      await this.#takeDown();
      throw error;
    }
  }

  async #bringUp(): Promise<RunningStack> {
    const { runId, directory, signal, clock, observer, token } = this.#options;
    const { watch = startWatchdog } = this.#parts;
    const watchdog = await watch({ runId, directory, signal, onLost: reportLoss(observer) });
    this.#watchdog = watchdog;
    const { helpers, proxy } = await this.#driver.open(watchdog, this.#signal);
    const api = this.#parts.connect(proxy);
    const [independent = [], ...dependent] = this.#tiers;
    await Promise.all([this.#startHelpers(helpers), this.#startTier(independent, watchdog)]);
    const links = await Promise.all(this.#topology.links.map(plan => this.#makeLink(plan, api)));
    for (const tier of dependent) await this.#startTier(tier, watchdog);
    const version = proxy.version ?? (await api.version(this.#signal));
    const replicas = this.#topology.replicas.map(plan => this.#replicas.find(({ name }) => name === plan.name)!);
    const entries = links.flatMap(({ listen }, nth) =>
      this.#topology.links[nth]!.usedBy === 'clients' ? [listen] : [],
    );
    const machine = { clock, network: this.#driver.network };
    const certificate = await entryCertificate(this.#topology, entries[0]!, replicas, this.#driver.edge, machine);
    const { capacity } = this.#topology;
    const scaling = followScale(links, replicas, machine, { token, observer, capacity });
    this.#scaling = scaling;
    return {
      entries: entries.map(address => `http${certificate ? 's' : ''}://${address}`),
      entryCertificate: certificate,
      authorization: this.#topology.authorization,
      login: this.#topology.login,
      token,
      prometheusLogin: this.#topology.prometheusLogin,
      proxyApiUrl: proxy.apiUrl,
      proxyToken: proxy.token,
      links,
      replicas,
      network: this.#driver.network,
      reachesReplicas: this.#driver.reachesReplicas ?? true,
      versions: { ...this.#driver.versions, toxiproxy: `${version} (${proxy.source})` },
      probe: (target, path, probeSignal) => {
        const base = 'listen' in target ? `${target.protocol}://${this.#driver.where.link(target.name)}` : target.url;
        return this.#driver.probe(base + path, probeSignal);
      },
      trace: ({ protocol, name, to }, request, traceSignal) => {
        const { where } = this.#driver;
        const place = request.behind ? where.replica(to) : where.link(name);
        return this.#driver.trace(`${protocol}://${place}${request.path}`, request, traceSignal);
      },
      send: ({ name, url }, request, sendSignal, listener) => {
        const origin = listener === undefined ? url : `http://${this.#driver.where.replica(name, listener)}`;
        const headers = tokenHeaders(listener === undefined ? token : listenerToken(token, listener));
        return this.#driver.send(origin, { ...request, headers }, sendSignal);
      },
      refusals: () => refusalsIn(join(directory, `${PROXY}.log`)),
      loadStarts: startAtMs => scaling.loadStarts(startAtMs),
      protect: pid => watchdog.register({ kind: 'process-group', pgid: pid }),
      [Symbol.asyncDispose]: () => this.#takeDown(),
    };
  }

  async #startHelpers(helpers: readonly Helper[]): Promise<void> {
    const { observer } = this.#options;
    const onlyExits: StackObserver = {
      replica: change => (change.state === 'exited' ? observer.replica(change) : undefined),
    };
    for (const helper of helpers) {
      const plan = { ...helper, service: helper.name, zone: '', restart: 'off' as const };
      const supervisor = new Supervisor(plan, { observer: onlyExits, clock: this.#options.clock });
      this.#helpers.push(supervisor);
      await supervisor.start(this.#readyLimitMs, this.#signal);
    }
  }

  async #startTier(plans: readonly ReplicaPlan[], watchdog: Watchdog): Promise<void> {
    await Promise.all(plans.map(plan => this.#startReplica(plan, watchdog)));
  }

  async #startReplica(plan: ReplicaPlan, watchdog: Watchdog): Promise<void> {
    const { name, service, zone, protocol, metricsPath, restart, drainMs, isStandby, coldStartMs } = plan;
    const { where } = this.#driver;
    const url = `${protocol}://${where.replica(name)}`;
    const listeners = Object.fromEntries(
      (plan.listeners ?? []).map(listener => [listener, `${protocol}://${where.replica(name, listener)}`]),
    );
    const readyUrl = readyUrlOf(plan, where);
    const isReady = (signal: AbortSignal) => isReadyAt(readyUrl, signal, this.#driver.probe, this.#options.clock);
    const program = await this.#driver.programOf(plan, watchdog);
    const supervisor = new Supervisor(
      {
        ...program,
        name,
        service,
        zone,
        url,
        listeners,
        metricsPath,
        restart,
        drainMs,
        isStandby,
        coldStartMs,
        isReady,
      },
      this.#options,
    );
    this.#replicas.push(supervisor);
    if (!isStandby) await supervisor.start(this.#readyLimitMs + coldStartMs, this.#signal);
  }

  async #makeLink(plan: LinkPlan, api: ProxyApi): Promise<Link> {
    const { name, to, fromZone } = plan;
    const upstream = this.#driver.where.replica(to);
    const { protocol = 'http' } = this.#topology.replicas.find(replica => replica.name === to) ?? {};
    const { requested, listen } = await this.#driver.listenersOf(plan);
    await api.createProxy({ name, listen: requested, upstream }, this.#signal);
    return { name, listen, upstream, protocol, fromZone, to };
  }

  get #readyLimitMs(): number {
    return this.#parts.readyLimitMs ?? 60_000;
  }

  #takeDown(): Promise<void> {
    this.#down ??= this.#stopAll();
    return this.#down;
  }

  /** Stops everything, even what cannot be recorded as stopped, such as on a full disk. @throws the first such error, at the end */
  async #stopAll(): Promise<void> {
    const failures: unknown[] = [];
    await this.#scaling?.[Symbol.asyncDispose]();
    const { graceMs } = this.#driver;
    // The tier that takes requests first; then all others at once, since no request reaches them any more.
    const last = new Set(this.#tiers.at(-1)?.map(({ name }) => name));
    const stop = (supervisors: readonly Supervisor[], grace: number) =>
      Promise.all(supervisors.map(supervisor => supervisor.stop(grace).catch(error => failures.push(error))));
    const replicas = Map.groupBy(this.#replicas, ({ name }) => last.has(name));
    await stop(replicas.get(true) ?? [], graceMs.last);
    await stop(replicas.get(false) ?? [], graceMs.others);
    await stop(this.#helpers, graceMs.helpers);
    const detail = await this.#driver.cleanup();
    const { kind } = this.#parts;
    if (detail === undefined) await this.#watchdog?.disarm();
    else this.#options.observer.replica({ replica: kind, service: kind, state: 'exited', detail });
    if (failures.length > 0) throw failures[0];
  }
}
