import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type {
  Link,
  Platform,
  Probe,
  Replica,
  RunningStack,
  StackObserver,
  UpOptions,
} from '../../../harness/contracts.ts';
import { IMAGE_NAMES } from '../../images/image-names.ts';
import type { RestartPolicy } from '../../options.ts';
import type { ReplicaPlan, Topology } from '../../topology.ts';
import { readyUrlOf } from '../addresses.ts';
import { entryCertificate } from '../entry-certificate.ts';
import type { FaultProxy, ProxyApi } from '../fault-proxy.ts';
import { LOOPBACK } from '../ports.ts';
import { answersReady } from '../readiness.ts';
import { followScale } from '../scaling.ts';
import { Supervisor } from '../supervisor.ts';
import { startTiers } from '../tiers.ts';
import { startWatchdog, type Watchdog } from '../watchdog/watchdog.ts';
import type { ContainerPlan } from './container.ts';
import { RestartableContainer } from './container-instance.ts';
import { edgeAccess } from './edge-access.ts';
import { type Engine, engineSocket, findEngine } from './engine.ts';
import { addressesOf, type Layout, layoutOf, PROXY } from './layout.ts';
import { makeNetworks } from './networks.ts';
import {
  type Images,
  imagesOf,
  type Limits,
  proberContainer,
  proxyContainer,
  RUN_LABEL,
  replicaContainer,
  type StackPlan,
} from './plans.ts';
import { checkImages, prepareTestcontainers } from './prepare.ts';
import { lookAt, PROBER, PROBER_SELF, seesReady } from './prober.ts';
import { type PublishedPorts, reservePublished } from './published-ports.ts';
import { removeLabelled } from './remove-labelled.ts';

/** From SIGTERM to SIGKILL: services that use others drain, the rest have nothing to finish. */
const GRACE_MS = 2250;
const INDEPENDENT_GRACE_MS = 1000;
/** With the graces and half a second for each kill the whole takes 10 s at most. */
const REMOVE_LIMIT_MS = 4750;
const BEGUN_LIMIT_MS = 2000;

/** Settings of a docker platform. */
export interface DockerPlatformOptions {
  /** Longest wait for a service to be ready, beside its cold start, in ms. @default 60000 */
  readonly readyLimitMs?: number;
  /** Tags of other images. @default those of `npm run images` */
  readonly images?: Partial<Images>;
  /** By service. @default 1 CPU and 512 MiB for each replica */
  readonly limits?: Readonly<Record<string, Limits>>;
  /** Folders to put into the containers of all services, beside what the image holds. @default none */
  readonly copies?: readonly { readonly source: string; readonly target: string }[];
}

/**
 * Runs a stack as containers of this machine's Docker engine, through testcontainers; see {@link layoutOf} for its networks.
 *
 * ```
 * up:    watchdog ─▶ networks ─▶ fault proxy and prober, replicas that use no link ─▶ links ─▶ the others ─▶ ready
 * down:  the last to start ─▶ the others ─▶ everything with the run's label ─▶ goodbye to the watchdog
 * ```
 *
 * Published, on the loopback interface alone, are the links that start outside the stack, the fault proxy's API and the prober, a
 * small program inside the networks that asks for readiness and times links on behalf of the harness.
 */
export function dockerPlatform(
  proxy: Pick<FaultProxy, 'connect'>,
  options: DockerPlatformOptions = {},
): Platform<Topology> {
  return {
    kind: 'docker',
    up: (topology, upOptions) => new DockerStack(topology, upOptions, options).up(proxy),
  };
}

/** A part to be kept running, beside its container. */
interface Part {
  readonly name: string;
  readonly service: string;
  readonly zone: string;
  readonly url: string;
  readonly metricsPath?: string | undefined;
  readonly restart: RestartPolicy;
  readonly isStandby?: boolean;
  readonly isReady: (signal: AbortSignal) => Promise<boolean>;
}

class DockerStack {
  readonly #topology: Topology;
  readonly #options: UpOptions;
  readonly #settings: DockerPlatformOptions;
  readonly #images: Images;
  readonly #layout: Layout;
  readonly #readyLimitMs: number;
  readonly #label: string;
  /** Aborted with the caller's signal, and when one part of the start fails. */
  readonly #starting = new AbortController();
  readonly #signal: AbortSignal;
  readonly #replicas: Supervisor[] = [];
  readonly #helpers: Supervisor[] = [];
  readonly #containers: RestartableContainer[] = [];
  #engine: Engine | undefined;
  #ports: PublishedPorts | undefined;
  #watchdog: Watchdog | undefined;
  #scaling: AsyncDisposable | undefined;
  #down: Promise<void> | undefined;

  constructor(topology: Topology, options: UpOptions, settings: DockerPlatformOptions) {
    this.#topology = topology;
    this.#options = options;
    this.#settings = settings;
    this.#images = { ...IMAGE_NAMES, ...settings.images };
    this.#readyLimitMs = settings.readyLimitMs ?? 60_000;
    this.#layout = layoutOf(topology);
    this.#label = `${RUN_LABEL}=${options.runId}`;
    this.#signal = AbortSignal.any([options.signal, this.#starting.signal]);
  }

  async up(proxy: Pick<FaultProxy, 'connect'>): Promise<RunningStack> {
    try {
      return await this.#bringUp(proxy);
    } catch (error) {
      this.#starting.abort(error);
      await this.#takeDown();
      throw error;
    }
  }

  async #bringUp(proxy: Pick<FaultProxy, 'connect'>): Promise<RunningStack> {
    const { runId, directory, signal } = this.#options;
    signal.throwIfAborted();
    await mkdir(directory, { recursive: true });
    const engine = await findEngine(engineSocket(), signal);
    const imageIds = await checkImages(engine, imagesOf(this.#topology, this.#images), signal);
    await prepareTestcontainers(engine);
    this.#ports = await reservePublished(this.#topology, [PROXY, PROBER]);
    const onLost = (how: string) => this.#report('watchdog', `${how}; nothing cleans up if the harness is killed`);
    this.#watchdog = await startWatchdog({ runId, directory, signal, onLost });
    this.#watchdog.register({ kind: 'docker-label', label: this.#label, socketPath: engine.socketPath });
    this.#engine = engine;
    await makeNetworks(runId, this.#layout.networks);
    await this.#ports.free();
    const api = proxy.connect({ apiUrl: this.#ports.url(PROXY) });
    const links = await this.#startAll(this.#planOf(engine, this.#ports), api);
    const outside = this.#topology.links.filter(({ usedBy }) => usedBy === 'clients');
    const entries = outside.map(({ name }) => `${LOOPBACK}:${this.#ports!.of(name)}`);
    const certificate = await entryCertificate(this.#topology, edgeAccess(runId, this.#topology, entries[0]!));
    const byName = new Map(this.#replicas.map(replica => [replica.name, replica]));
    const replicas = this.#topology.replicas.map(({ name }) => byName.get(name)!);
    this.#scaling = followScale({ links, replicas, clock: this.#options.clock });
    return {
      entries: entries.map(address => `http${certificate ? 's' : ''}://${address}`),
      entryCertificate: certificate,
      authorization: this.#topology.authorization,
      proxyApiUrl: this.#ports.url(PROXY),
      links,
      replicas,
      versions: { docker: engine.version, toxiproxy: `${await api.version(signal)} (container)`, ...imageIds },
      probe: (target, path, probeSignal) => this.#probe(target, path, probeSignal),
      protect: pid => this.#watchdog?.register({ kind: 'process-group', pgid: pid }),
      [Symbol.asyncDispose]: () => this.#takeDown(),
    };
  }

  #planOf({ cpus }: Engine, ports: PublishedPorts): StackPlan {
    const { limits = {}, copies = [] } = this.#settings;
    return {
      runId: this.#options.runId,
      layout: this.#layout,
      images: this.#images,
      ports,
      limits,
      cpus,
      copies,
    };
  }

  async #startAll(stack: StackPlan, api: ProxyApi): Promise<Link[]> {
    const [independent = [], ...dependent] = startTiers(this.#topology);
    const proxyUrl = stack.ports.url(PROXY);
    const proberUrl = stack.ports.url(PROBER);
    const helpers = async () => {
      const isProxyReady: Part['isReady'] = signal => answersReady(`${proxyUrl}/version`, signal);
      await this.#startHelper(PROXY, proxyContainer(stack, this.#topology), isProxyReady);
      // It sees itself.
      await this.#startHelper(PROBER, proberContainer(stack), signal => seesReady(proberUrl, PROBER_SELF, signal));
    };
    await Promise.all([helpers(), ...independent.map(plan => this.#startReplica(plan, stack))]);
    const links = await this.#makeLinks(api);
    for (const tier of dependent) await Promise.all(tier.map(plan => this.#startReplica(plan, stack)));
    return links;
  }

  async #probe(target: Link | Replica, path: string, signal: AbortSignal): Promise<Probe> {
    const base = 'listen' in target ? `${target.protocol}://${this.#layout.link(target.name)}` : target.url;
    const sentMs = this.#options.clock.nowMs();
    const { ttfbMs } = await lookAt(this.#ports!.url(PROBER), base + path, signal);
    return { sentMs, ttfbMs };
  }

  /** Starts a part that is not under test: never restarted, and only its death is news. */
  async #startHelper(name: string, plan: ContainerPlan, isReady: Part['isReady']): Promise<void> {
    const { observer } = this.#options;
    const part = { name, service: name, zone: '', url: this.#ports!.url(name), restart: 'off' as const, isReady };
    const helper = this.#supervise(part, plan, {
      replica: change => (change.state === 'exited' ? observer.replica(change) : undefined),
    });
    this.#helpers.push(helper);
    await helper.start(this.#readyLimitMs, this.#signal);
  }

  async #startReplica(plan: ReplicaPlan, stack: StackPlan): Promise<void> {
    const { name, service, zone, restart, metricsPath, coldStartMs, isStandby = false } = plan;
    const url = `${plan.protocol}://${this.#layout.replica(name)}`;
    const readyUrl = readyUrlOf(plan, this.#layout);
    const isReady: Part['isReady'] = signal => seesReady(this.#ports!.url(PROBER), readyUrl, signal);
    const part = { name, service, zone, url, restart, isStandby, metricsPath, isReady };
    const files = await plan.files?.(addressesOf(plan, this.#layout));
    const replica = this.#supervise(part, replicaContainer(stack, plan, files), this.#options.observer);
    this.#replicas.push(replica);
    if (!isStandby) await replica.start(this.#readyLimitMs + coldStartMs, this.#signal);
  }

  #supervise(part: Part, plan: ContainerPlan, observer: StackObserver): Supervisor {
    const { directory, clock } = this.#options;
    const logPath = join(directory, `${part.name}.log`);
    const container = new RestartableContainer(plan, logPath, clock);
    this.#containers.push(container);
    const { control } = container;
    return new Supervisor(
      { ...part, logPath, container: control, start: () => container.start() },
      { observer, clock },
    );
  }

  async #makeLinks(api: ProxyApi): Promise<Link[]> {
    return Promise.all(
      this.#topology.links.map(async ({ name, to, fromZone, usedBy }) => {
        const upstream = this.#layout.replica(to);
        const { protocol } = this.#topology.replicas.find(replica => replica.name === to)!;
        const listen = `0.0.0.0:${this.#layout.linkPort(name)}`;
        await api.createProxy({ name, listen, upstream }, this.#signal);
        const isInside = usedBy === 'services';
        const seenAt = isInside ? this.#layout.link(name) : `${LOOPBACK}:${this.#ports!.of(name)}`;
        return { name, listen: seenAt, upstream, protocol, fromZone, to };
      }),
    );
  }

  #takeDown(): Promise<void> {
    this.#down ??= this.#stopAll();
    return this.#down;
  }

  async #stopAll(): Promise<void> {
    await this.#scaling?.[Symbol.asyncDispose]();
    // Who takes requests first; then all the others at once, since nothing reaches them any more.
    const tiers = startTiers(this.#topology);
    const last = tiers.at(-1) ?? [];
    const stop = (names: readonly ReplicaPlan[], graceMs: number) =>
      Promise.all(
        this.#replicas.filter(r => names.some(({ name }) => name === r.name)).map(replica => replica.stop(graceMs)),
      );
    await stop(last, GRACE_MS);
    await stop(tiers.slice(0, -1).flat(), INDEPENDENT_GRACE_MS);
    await Promise.all(this.#helpers.map(helper => helper.stop(0)));
    await this.#ports?.free();
    if (this.#engine) await this.#remove(this.#engine);
    else await this.#watchdog?.goodbye();
  }

  /** Whatever cannot be removed is left to the watchdog, which tries again when the harness has ended. */
  async #remove({ socketPath }: Engine): Promise<void> {
    const { clock } = this.#options;
    const begun = Promise.all(this.#containers.map(container => container.begun));
    const done = new AbortController();
    await Promise.race([begun, clock.sleep(BEGUN_LIMIT_MS, done.signal).catch(() => {})]);
    done.abort();
    const removed = await removeLabelled({ socketPath, label: this.#label, clock, limitMs: REMOVE_LIMIT_MS });
    if (removed.isClean) await this.#watchdog?.goodbye();
    else this.#report('docker', `not everything with the label ${this.#label} could be removed yet`);
  }

  #report(name: string, detail: string): void {
    this.#options.observer.replica({ replica: name, service: name, state: 'exited', detail });
  }
}
