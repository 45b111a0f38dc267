import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import type { Clock } from '../../../harness/clock.ts';
import { messageOf } from '../../../harness/errors.ts';
import type { Random } from '../../../harness/random.ts';
import type { ControlClient } from '../../control/client.ts';
import { createBalancer } from '../balancing/create-balancer.ts';
import { observeReports, pollReports, reportOptions } from '../balancing/report-poller.ts';
import type { GatewayConfig } from '../config.ts';
import type { Deadlines } from '../forward/deadlines.ts';
import type { GatewayMetrics } from '../metrics.ts';
import { followCatalog } from './discovery.ts';
import { checkForever, checkOnce } from './health-checker.ts';
import type { TransportFactory } from './transport.ts';
import { diffUpstreams, type NamedUrl } from './upstream-diff.ts';
import { type Upstream, UpstreamSet } from './upstreams.ts';
import { ZombieWatch } from './zombie-watch.ts';

interface FleetOptions {
  readonly config: GatewayConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: TransportFactory;
  readonly control?: (url: string) => Pick<ControlClient, 'instances'>;
  readonly deadlines: Deadlines;
  readonly metrics: GatewayMetrics;
  readonly log: Logger;
  /** Address of a request's client, for balancing. */
  readonly addressOf: (request: IncomingMessage) => string | undefined;
  /** Called whenever an upstream has become healthy. */
  readonly onHealthy?: () => void;
}

interface Member {
  readonly url: string;
  readonly version: string | undefined;
  readonly upstream: Upstream;
  readonly checks: AbortController;
  /** Whether the latest list from discovery contains it. */
  isListed: boolean;
}

/** Interval between checks whether a removed upstream has finished its requests. */
const IDLE_POLL_MS = 100;

/**
 * Upstreams as they are added and removed by discovery, each with its connections and active health checks.
 *
 * Discovery is treated as eventually consistent, as in Envoy
 * (docs: intro/arch_overview/upstream/service_discovery#on-eventually-consistent-service-discovery):
 *
 * ```
 *               │ check passes │ check fails
 *  listed       │ traffic      │ no traffic
 *  not listed   │ traffic      │ removed
 * ```
 *
 * An upstream that is no longer listed is checked at once and removed after one failure instead of the usual threshold, so that a
 * replica that shuts down gets no more requests long before it closes its connections.
 *
 * A registry that lost its state, or that replicas cannot reach, therefore fails no request, and a flapping entry changes nothing.
 * An empty list is ignored, unless requests can wait for what comes after it: then it is a list like any other, as after a scale-down to zero. Without active checks, an upstream that is not listed is removed at once.
 */
export class Fleet implements AsyncDisposable {
  readonly upstreams: UpstreamSet;
  readonly #options: FleetOptions;
  readonly #members = new Map<string, Member>();
  /** Removed upstreams with requests still in flight. */
  readonly #draining = new Set<Upstream>();
  readonly #stop = new AbortController();
  #started = false;
  #isStale = false;

  constructor(options: FleetOptions) {
    const { config, random } = options;
    this.#options = options;
    this.upstreams = new UpstreamSet({
      upstreams: [],
      balancer: createBalancer(config.balancer, {
        random: random.stream('balancer'),
        registry: options.metrics.registry,
        addressOf: options.addressOf,
      }),
      ejection: config.ejection,
      breaker: config.breaker,
      ...(config.bulkhead !== 'off' && { maxInFlight: config.bulkhead.perUpstream }),
      zombies: config.zombies !== 'off',
      activeChecks: config.healthChecks !== 'off',
      random: random.stream('ejection'),
    });
    for (const upstream of config.upstreams) this.#add(upstream);
  }

  /** URL of a current upstream. */
  urlOf({ name }: Upstream): string {
    return this.#members.get(name)!.url;
  }

  /** Label of a current upstream. */
  readonly versionOf = ({ name }: Upstream): string | undefined => this.#members.get(name)?.version;

  /** Starts health checks and discovery, which end when the fleet is disposed of. */
  start(): void {
    this.#started = true;
    for (const member of this.#members.values()) this.#check(member);
    const { config, control, clock, random, metrics } = this.#options;
    this.#pollReports();
    this.#watchZombies();
    if (config.discovery === 'off') return;
    if (!control) throw new Error('discovery needs a control client');
    const context = {
      options: config.discovery,
      clock,
      random: random.stream('discovery'),
      client: control(config.discovery.url),
      onUpdate: (instances: readonly NamedUrl[]) => this.#update(instances),
      onFailure: (error: unknown, failures: number) => {
        metrics.discoveryQueries.inc({ result: 'error' });
        if (failures === 1) this.#markStale(messageOf(error));
        if (!this.#keepsLastGood) this.#apply([]);
      },
    };
    void followCatalog(context, this.#stop.signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    const all = [...this.upstreams.all, ...this.#draining];
    await Promise.all(all.map(upstream => upstream.transport.close()));
  }

  #update(instances: readonly NamedUrl[]): void {
    const { metrics, log } = this.#options;
    if (instances.length === 0 && !this.#mayBeEmpty) {
      metrics.discoveryQueries.inc({ result: 'empty' });
      this.#markStale('no instances listed');
      if (!this.#keepsLastGood) this.#apply([]);
      return;
    }
    metrics.discoveryQueries.inc({ result: 'ok' });
    if (this.#isStale) log.info({ instances: instances.length }, 'discovery recovered');
    this.#isStale = false;
    metrics.discoveryStale.set(0);
    this.#apply(instances);
  }

  #apply(instances: readonly NamedUrl[]): void {
    const current = [...this.#members].map(([name, { url, version }]) => ({ name, url, version }));
    const { added, moved, unchanged, missing } = diffUpstreams(current, instances);
    for (const upstream of added) this.#recordChange('added', this.#add(upstream));
    for (const upstream of moved) {
      this.#detach(upstream.name);
      this.#recordChange('moved', this.#add(upstream));
    }
    for (const name of unchanged) this.#members.get(name)!.isListed = true;
    for (const name of missing) this.#unlist(this.#members.get(name)!);
  }

  get #keepsLastGood(): boolean {
    const { discovery } = this.#options.config;
    return discovery === 'off' || discovery.keepLastGood;
  }

  /** Whether no upstream at all is a state like any other. Without checks nothing tells it from a registry that lost its entries. */
  get #mayBeEmpty(): boolean {
    const { queue, healthChecks } = this.#options.config;
    return queue !== 'off' && healthChecks !== 'off';
  }

  /** Logs once that the list of upstreams is stale. */
  #markStale(reason: string): void {
    if (this.#isStale) return;
    this.#isStale = true;
    this.#options.metrics.discoveryStale.set(1);
    const kept = this.#keepsLastGood ? this.#members.size : 0;
    const consequence = this.#keepsLastGood ? 'keeping last good upstreams' : 'removing all upstreams';
    this.#options.log.warn({ reason, kept }, `discovery stale, ${consequence}`);
  }

  #unlist(member: Member): void {
    const { config } = this.#options;
    const { health } = member.upstream.health;
    if (config.healthChecks === 'off' || health === 'unhealthy' || !this.#keepsLastGood) {
      this.#remove(member);
      return;
    }
    if (!member.isListed) return;
    this.#recordChange('kept', member);
    member.isListed = false;
    void this.#checkUnlisted(member);
  }

  #recordChange(change: 'added' | 'moved' | 'removed' | 'kept', { upstream, url }: Member): void {
    this.#options.metrics.upstreamChanges.inc({ change });
    this.#options.log.info({ upstream: upstream.name, url, change }, 'upstream changed');
  }

  #add({ name, url, version }: NamedUrl): Member {
    const upstream = this.upstreams.add(name, this.#options.transport(url));
    const member = { url, version, upstream, checks: new AbortController(), isListed: true };
    this.#members.set(name, member);
    if (this.#started) this.#check(member);
    if (upstream.health.health === 'healthy') this.#options.onHealthy?.();
    return member;
  }

  async #checkUnlisted(member: Member): Promise<void> {
    const { config, clock, deadlines } = this.#options;
    if (config.healthChecks === 'off') return;
    const { transport } = member.upstream;
    const passed = await checkOnce(transport, { options: config.healthChecks, clock, deadlines });
    if (!passed && !member.isListed && !member.checks.signal.aborted) this.#remove(member);
  }

  #remove(member: Member): void {
    this.#detach(member.upstream.name);
    this.#recordChange('removed', member);
  }

  #detach(name: string): void {
    const { upstream, checks } = this.#members.get(name)!;
    checks.abort();
    this.#members.delete(name);
    this.upstreams.remove(upstream);
    void this.#closeWhenIdle(upstream);
  }

  /** Closes the connections once the last request has finished; bounded, since every request has a deadline. */
  async #closeWhenIdle(upstream: Upstream): Promise<void> {
    this.#draining.add(upstream);
    const { signal } = this.#stop;
    while (upstream.inFlight > 0 && !signal.aborted)
      await this.#options.clock.sleep(IDLE_POLL_MS, signal).catch(() => {});
    this.#draining.delete(upstream);
    await upstream.transport.close();
  }

  #pollReports(): void {
    const { config, clock, deadlines, random, metrics } = this.#options;
    const options = reportOptions(config.balancer);
    if (!options) return;
    const upstreams = () => this.upstreams.all;
    observeReports(metrics.registry, { upstreams, clock });
    void pollReports({ options, upstreams, clock, deadlines, random: random.stream('reports') }, this.#stop.signal);
  }

  #watchZombies(): void {
    const { config, metrics, onHealthy, ...context } = this.#options;
    if (config.zombies === 'off') return;
    const watch = new ZombieWatch({
      ...context,
      options: config.zombies,
      upstreams: () => this.upstreams.all,
      registry: metrics.registry,
      onEjected: ({ name }) => metrics.ejections.labels(name, 'zombie').inc(),
      onReadmitted: () => onHealthy?.(),
    });
    void watch.watch(this.#stop.signal);
  }

  #check(member: Member): void {
    const { config, clock, random, deadlines, metrics, log } = this.#options;
    if (config.healthChecks === 'off') return;
    const { upstream } = member;
    const onResult = (passed: boolean, changed: boolean) => {
      // The last check of a removed upstream fails with its connections.
      if (member.checks.signal.aborted) return;
      metrics.healthChecks.labels(upstream.name, passed ? 'pass' : 'fail').inc();
      if (changed) log.info({ upstream: upstream.name, health: upstream.health.health }, 'upstream health changed');
      if (!member.isListed && !passed) this.#remove(member);
      if (changed && passed) this.#options.onHealthy?.();
    };
    const ownRandom = random.stream(`health/${upstream.name}`);
    const context = { options: config.healthChecks, clock, random: ownRandom, deadlines, onResult };
    void checkForever(upstream, context, AbortSignal.any([this.#stop.signal, member.checks.signal]));
  }
}
