import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type {
  Link,
  Platform,
  ReplicaState,
  RunningStack,
  StackObserver,
  UpOptions,
} from '../../../harness/contracts.ts';
import type { RestartPolicy } from '../../options.ts';
import type { Addresses, ReplicaPlan, Topology } from '../../topology.ts';
import { type Directory, linksOf, readyUrlOf } from '../addresses.ts';
import { entryCertificate } from '../entry-certificate.ts';
import type { FaultProxy, ProxyApi } from '../fault-proxy.ts';
import { LOOPBACK } from '../ports.ts';
import { answersReady } from '../readiness.ts';
import { followScale } from '../scaling.ts';
import { Supervisor } from '../supervisor.ts';
import { startTiers } from '../tiers.ts';
import { reap } from '../watchdog/reap.ts';
import { startWatchdog, type Watchdog } from '../watchdog/watchdog.ts';
import { type AddressBook, listenerName, reserveAddresses } from './addresses.ts';
import { commandOf, toolVersions, writePrivateFiles } from './executable.ts';
import { probeOver } from './probe.ts';
import { serviceEnvironment } from './process-environment.ts';
import { signalProcess } from './process-group.ts';
import { startProcess } from './service-process.ts';

/** From SIGTERM to SIGKILL. With the proxy's and half a second for each kill, the whole takes 8 s at most. */
const GRACE_MS = 2250;
const PROXY_GRACE_MS = 500;
const SWEEP_LIMIT_MS = 500;
const PROXY = 'toxiproxy';

/** Settings of a process platform. */
export interface ProcessPlatformOptions {
  /** Longest wait for a service to be ready, beside its cold start, in ms. @default 60000 */
  readonly readyLimitMs?: number;
}

/**
 * Runs a stack as child processes of this machine, every hop across a proxy of one Toxiproxy server:
 *
 * ```
 * up:    watchdog ─▶ fault proxy ─▶ replicas that use no link ─▶ links ─▶ who uses those ─▶ … ─▶ ready
 * down:  the last of them ─▶ all others ─▶ fault proxy ─▶ leftovers ─▶ goodbye to the watchdog
 * ```
 *
 * A run id must be unique on the machine: it is the mark by which leftovers are found and killed.
 * Everything listens on the loopback interface. Services are told the addresses of links alone; readiness is asked
 * directly, so that a broken link does not look like a broken service.
 */
export function processPlatform(proxy: FaultProxy, options: ProcessPlatformOptions = {}): Platform<Topology> {
  const { readyLimitMs = 60_000 } = options;
  return {
    kind: 'process',
    up: (topology, upOptions) => new ProcessStack(topology, upOptions, readyLimitMs).up(proxy),
  };
}

interface PlanOfProcess {
  readonly name: string;
  readonly service: string;
  readonly zone: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** Working directory. */
  readonly directory: string;
  readonly url: string;
  readonly readyUrl: string;
  readonly metricsPath?: string | undefined;
  readonly restart: RestartPolicy;
  readonly isStandby?: boolean | undefined;
}

class ProcessStack {
  readonly #topology: Topology;
  readonly #options: UpOptions;
  readonly #readyLimitMs: number;
  /** Aborted with the caller's signal, and when one part of the start fails. */
  readonly #starting = new AbortController();
  readonly #signal: AbortSignal;
  readonly #replicas: Supervisor[] = [];
  #tiers: ReplicaPlan[][] = [];
  #addresses: AddressBook | undefined;
  #watchdog: Watchdog | undefined;
  #proxy: Supervisor | undefined;
  #scaling: AsyncDisposable | undefined;
  #down: Promise<void> | undefined;

  constructor(topology: Topology, options: UpOptions, readyLimitMs: number) {
    this.#topology = topology;
    this.#options = options;
    this.#readyLimitMs = readyLimitMs;
    this.#signal = AbortSignal.any([options.signal, this.#starting.signal]);
  }

  async up(proxy: FaultProxy): Promise<RunningStack> {
    try {
      return await this.#bringUp(proxy);
    } catch (error) {
      this.#starting.abort(error);
      await this.#takeDown();
      throw error;
    }
  }

  async #bringUp(proxy: FaultProxy): Promise<RunningStack> {
    const { runId, directory, signal } = this.#options;
    signal.throwIfAborted();
    await mkdir(directory, { recursive: true });
    const tools = await toolVersions(this.#topology, signal);
    const addresses = await reserveAddresses(this.#topology, PROXY);
    this.#addresses = addresses;
    const onLost = (how: string) =>
      this.#report('watchdog', 'exited', `${how}; nothing cleans up if the harness is killed`);
    this.#watchdog = await startWatchdog({ runId, directory, signal, onLost });
    const { api, proxyApiUrl, version } = await this.#startProxy(proxy, addresses);
    this.#tiers = startTiers(this.#topology);
    const [independent = [], ...dependent] = this.#tiers;
    await this.#startAll(independent, addresses);
    const links = await this.#makeLinks(api, addresses);
    for (const tier of dependent) await this.#startAll(tier, addresses);
    await addresses.free();
    const entries = this.#topology.links
      .filter(link => link.usedBy === 'clients')
      .map(({ name }) => addresses.of(name));
    const certificate = await this.#entryCertificate(entries[0]!);
    const byName = new Map(this.#replicas.map(replica => [replica.name, replica]));
    const replicas = this.#topology.replicas.map(({ name }) => byName.get(name)!);
    this.#scaling = followScale({ links, replicas, clock: this.#options.clock });
    return {
      entries: entries.map(address => `http${certificate ? 's' : ''}://${address}`),
      entryCertificate: certificate,
      authorization: this.#topology.authorization,
      proxyApiUrl,
      links,
      replicas,
      versions: { node: process.version, toxiproxy: version, ...tools },
      probe: (target, path, signal) => probeOver(target, path, this.#options.clock, signal),
      protect: pid => this.#watchdog?.register({ kind: 'process-group', pgid: pid }),
      [Symbol.asyncDispose]: () => this.#takeDown(),
    };
  }

  async #startProxy(proxy: FaultProxy, addresses: AddressBook) {
    const { runId } = this.#options;
    const port = await addresses.claim(PROXY);
    const url = `http://${LOOPBACK}:${port}`;
    const found = await proxy.find({ host: LOOPBACK, port }, this.#signal);
    this.#proxy = this.#supervise(
      {
        name: PROXY,
        service: PROXY,
        zone: '',
        command: found.command,
        args: found.args,
        // Toxiproxy otherwise logs every connection.
        environment: serviceEnvironment(runId, { LOG_LEVEL: 'warn' }),
        directory: this.#options.directory,
        url,
        readyUrl: `${url}/version`,
        // Another one would not know the links.
        restart: 'off',
      },
      // It is no part of the stack under test; only its death is news.
      { replica: change => (change.state === 'exited' ? this.#options.observer.replica(change) : undefined) },
    );
    await this.#proxy.start(this.#readyLimitMs, this.#signal);
    const api = proxy.connect({ apiUrl: url });
    const version = found.version ?? (await api.version(this.#signal));
    return { api, proxyApiUrl: url, version: `${version} (${found.source})` };
  }

  async #startAll(plans: readonly ReplicaPlan[], addresses: AddressBook): Promise<void> {
    await Promise.all(plans.map(plan => this.#startReplica(plan, addresses)));
  }

  async #startReplica(plan: ReplicaPlan, addresses: AddressBook): Promise<void> {
    const { runId, observer } = this.#options;
    const where: Directory = {
      replica: (name, listener) => addresses.of(listener === undefined ? name : listenerName(name, listener)),
      link: name => addresses.of(name),
    };
    const told: Addresses = {
      listen: where.replica(plan.name),
      listeners: Object.fromEntries((plan.listeners ?? []).map(name => [name, where.replica(plan.name, name)])),
      links: linksOf(plan, where),
      directory: this.#directoryOf(plan.name),
      isInImage: false,
    };
    if (plan.files) await writePrivateFiles(told.directory, await plan.files(told));
    const supervisor = this.#supervise(
      {
        name: plan.name,
        service: plan.service,
        zone: plan.zone,
        ...commandOf(plan.run, told),
        environment: serviceEnvironment(runId, plan.environment(told)),
        directory: plan.files ? told.directory : this.#options.directory,
        url: `${plan.protocol}://${told.listen}`,
        readyUrl: readyUrlOf(plan, where),
        metricsPath: plan.metricsPath,
        restart: plan.restart,
        isStandby: plan.isStandby,
      },
      observer,
    );
    this.#replicas.push(supervisor);
    for (const name of [plan.name, ...(plan.listeners ?? []).map(name => listenerName(plan.name, name))])
      await addresses.claim(name);
    if (!plan.isStandby) await supervisor.start(this.#readyLimitMs + plan.coldStartMs, this.#signal);
  }

  async #makeLinks(api: ProxyApi, addresses: AddressBook): Promise<Link[]> {
    return Promise.all(
      this.#topology.links.map(async ({ name, to, fromZone }) => {
        await addresses.claim(name);
        const upstream = addresses.of(to);
        const { protocol } = this.#topology.replicas.find(replica => replica.name === to)!;
        const { listen } = await api.createProxy({ name, listen: addresses.of(name), upstream }, this.#signal);
        return { name, listen, upstream, protocol, fromZone, to };
      }),
    );
  }

  #supervise(plan: PlanOfProcess, observer: StackObserver): Supervisor {
    const { directory, clock } = this.#options;
    const logPath = join(directory, `${plan.name}.log`);
    const { name, service, zone, url, metricsPath, restart, isStandby = false } = plan;
    return new Supervisor(
      {
        name,
        service,
        zone,
        url,
        metricsPath,
        logPath,
        restart,
        isStandby,
        start: () => startProcess({ ...plan, logPath }, this.#watchdog!, clock),
        isReady: signal => answersReady(plan.readyUrl, signal),
      },
      { observer, clock },
    );
  }

  #directoryOf(replica: string): string {
    return join(this.#options.directory, replica);
  }

  #entryCertificate(entry: string) {
    return entryCertificate(this.#topology, {
      entry,
      write: (path, text) => writePrivateFiles(this.#directoryOf('edge'), { [path]: text }),
      reload: async () => {
        const pid = this.#replicas.find(({ name }) => name === 'edge')?.pid;
        if (pid !== undefined) signalProcess(pid, 'SIGHUP');
      },
    });
  }

  #takeDown(): Promise<void> {
    this.#down ??= this.#stopAll();
    return this.#down;
  }

  async #stopAll(): Promise<void> {
    await this.#scaling?.[Symbol.asyncDispose]();
    // Who takes requests first; then all the others at once, since nothing reaches them any more.
    const last = this.#tiers.at(-1)?.map(({ name }) => name) ?? [];
    for (const isLast of [true, false]) {
      const supervisors = this.#replicas.filter(({ name }) => last.includes(name) === isLast);
      await Promise.all(supervisors.map(supervisor => supervisor.stop(GRACE_MS)));
    }
    await this.#proxy?.stop(PROXY_GRACE_MS);
    await this.#addresses?.free();
    // Descendants that left their group are found by the mark of the run.
    const { runId, clock } = this.#options;
    if (this.#watchdog) await reap({ groups: [], runId, clock, limitMs: SWEEP_LIMIT_MS });
    await this.#watchdog?.goodbye();
  }

  #report(name: string, state: ReplicaState, detail: string): void {
    this.#options.observer.replica({ replica: name, service: name, state, detail });
  }
}
