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
import type { ReplicaPlan, Topology } from '../../topology.ts';
import { type AddressBook, reserveAddresses } from './addresses.ts';
import { commandOf, toolVersions, writePrivateFiles } from './executable.ts';
import type { FaultProxy, ProxyApi } from './fault-proxy.ts';
import { LOOPBACK } from './ports.ts';
import { serviceEnvironment } from './process-environment.ts';
import { reap } from './reap.ts';
import { Supervisor } from './supervisor.ts';
import { startWatchdog, type Watchdog } from './watchdog.ts';

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
 * up:    watchdog ─▶ fault proxy ─▶ replicas that use no link ─▶ links ─▶ the others ─▶ ready
 * down:  the others ─▶ replicas that use no link ─▶ fault proxy ─▶ leftovers ─▶ goodbye to the watchdog
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

class ProcessStack {
  readonly #topology: Topology;
  readonly #options: UpOptions;
  readonly #readyLimitMs: number;
  /** Aborted with the caller's signal, and when one part of the start fails. */
  readonly #starting = new AbortController();
  readonly #signal: AbortSignal;
  readonly #replicas: Supervisor[] = [];
  #addresses: AddressBook | undefined;
  #watchdog: Watchdog | undefined;
  #proxy: Supervisor | undefined;
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
    const tools = await toolVersions(this.#topology, signal);
    await mkdir(directory, { recursive: true });
    const addresses = await reserveAddresses(this.#topology, PROXY);
    this.#addresses = addresses;
    const onLost = (how: string) =>
      this.#report('watchdog', 'exited', `${how}; nothing cleans up if the harness is killed`);
    this.#watchdog = await startWatchdog({ runId, directory, signal, onLost });
    const { api, proxyApiUrl, version } = await this.#startProxy(proxy, addresses);
    const [independent, dependent] = this.#tiers();
    await this.#startAll(independent, addresses);
    const links = await this.#makeLinks(api, addresses);
    await this.#startAll(dependent, addresses);
    await addresses.free();
    const entries = this.#topology.links.filter(link => link.isEntry);
    const byName = new Map(this.#replicas.map(replica => [replica.name, replica]));
    return {
      entries: entries.map(({ name }) => `http://${links.find(link => link.name === name)!.listen}`),
      authorization: this.#topology.authorization,
      proxyApiUrl,
      links,
      replicas: this.#topology.replicas.map(({ name }) => byName.get(name)!),
      versions: { node: process.version, toxiproxy: version, ...tools },
      protect: pid => this.#watchdog?.register({ kind: 'process-group', pgid: pid }),
      [Symbol.asyncDispose]: () => this.#takeDown(),
    };
  }

  async #startProxy(proxy: FaultProxy, addresses: AddressBook) {
    const { runId, directory } = this.#options;
    const port = await addresses.claim(PROXY);
    const url = `http://${LOOPBACK}:${port}`;
    const found = await proxy.find({ host: LOOPBACK, port }, this.#signal);
    this.#proxy = this.#supervise(
      {
        name: PROXY,
        service: PROXY,
        command: found.command,
        args: found.args,
        // Toxiproxy otherwise logs every connection.
        environment: serviceEnvironment(runId, { LOG_LEVEL: 'warn' }),
        directory,
        logPath: join(directory, `${PROXY}.log`),
        listen: `${LOOPBACK}:${port}`,
        url,
        ready: { kind: 'http', path: '/version' },
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

  /** Replicas that use no link, then those that do. */
  #tiers(): [ReplicaPlan[], ReplicaPlan[]] {
    const { replicas } = this.#topology;
    return [replicas.filter(({ uses }) => uses.length === 0), replicas.filter(({ uses }) => uses.length > 0)];
  }

  async #startAll(plans: readonly ReplicaPlan[], addresses: AddressBook): Promise<void> {
    await Promise.all(plans.map(plan => this.#startReplica(plan, addresses)));
  }

  async #startReplica(plan: ReplicaPlan, addresses: AddressBook): Promise<void> {
    const { runId, directory, observer } = this.#options;
    const links = Object.fromEntries(plan.uses.map(name => [name, addresses.of(name)]));
    const listen = addresses.of(plan.name);
    const told = { listen, links, directory: join(directory, plan.name) };
    await writePrivateFiles(told.directory, plan.files?.(told));
    const { command, args } = commandOf(plan.run, told);
    const supervisor = this.#supervise(
      {
        name: plan.name,
        service: plan.service,
        command,
        args,
        environment: serviceEnvironment(runId, plan.environment(told)),
        directory,
        logPath: join(directory, `${plan.name}.log`),
        listen,
        url: `${plan.protocol}://${listen}`,
        ready: plan.ready,
        restart: plan.restart,
      },
      observer,
    );
    this.#replicas.push(supervisor);
    await addresses.claim(plan.name);
    await supervisor.start(this.#readyLimitMs + plan.coldStartMs, this.#signal);
  }

  async #makeLinks(api: ProxyApi, addresses: AddressBook): Promise<Link[]> {
    return Promise.all(
      this.#topology.links.map(async ({ name, to }) => {
        await addresses.claim(name);
        const upstream = addresses.of(to);
        const { listen } = await api.createProxy({ name, listen: addresses.of(name), upstream }, this.#signal);
        const { protocol } = this.#topology.replicas.find(replica => replica.name === to)!;
        return { name, listen, upstream, protocol };
      }),
    );
  }

  #supervise(plan: ConstructorParameters<typeof Supervisor>[0], observer: StackObserver): Supervisor {
    return new Supervisor(plan, { guard: this.#watchdog!, observer, clock: this.#options.clock });
  }

  #takeDown(): Promise<void> {
    this.#down ??= this.#stopAll();
    return this.#down;
  }

  async #stopAll(): Promise<void> {
    const [independent, dependent] = this.#tiers().map(tier => tier.map(({ name }) => name));
    for (const tier of [dependent!, independent!]) {
      const supervisors = this.#replicas.filter(({ name }) => tier.includes(name));
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
