import type { Logger } from 'pino';
import type { Clock } from '../../../harness/clock.ts';
import { messageOf } from '../../../harness/errors.ts';
import type { Random } from '../../../harness/random.ts';
import type { ControlClient } from '../../control/client.ts';
import type { GatewayConfig } from '../config.ts';
import type { Deadlines } from '../forward/deadlines.ts';
import type { GatewayMetrics } from '../metrics.ts';
import { createBalancer } from './balancer.ts';
import { followCatalog } from './discovery.ts';
import { checkForever, checkOnce } from './health-checker.ts';
import type { TransportFactory } from './transport.ts';
import { diffUpstreams, type NamedUrl } from './upstream-diff.ts';
import { type Upstream, UpstreamSet } from './upstreams.ts';

/** What {@link Fleet} needs. */
export interface FleetOptions {
  readonly config: GatewayConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: TransportFactory;
  readonly control?: (url: string) => Pick<ControlClient, 'instances'>;
  readonly deadlines: Deadlines;
  readonly metrics: GatewayMetrics;
  readonly log: Logger;
}

interface Member {
  readonly url: string;
  readonly upstream: Upstream;
  readonly checks: AbortController;
  /** Whether discovery names it, as far as is known. */
  named: boolean;
}

/** How often a removed upstream is looked at whether its last request has ended. */
const IDLE_POLL_MS = 100;

/**
 * The upstreams over time: who comes and goes as discovery tells, each with its connections and its active checks.
 *
 * Discovery is believed as Envoy believes it (docs: intro/arch_overview/upstream/service_discovery#on-eventually-consistent-service-discovery):
 *
 * ```
 *              │ own check passes │ own check fails
 *  named       │ traffic          │ no traffic
 *  not named   │ traffic          │ removed
 * ```
 *
 * Who is not named any more is checked at once, and one failure is enough then: a replica that leaves is told by both, and gets
 * nothing more long before it closes its connections. Else checks take their thresholds.
 *
 * So a registry that has lost its memory, or to which the replicas cannot get through, costs nobody a request, and an entry that
 * flaps there changes nothing here. A list of nobody is not believed at all. Where active checks are off, who is not named goes at once.
 */
export class Fleet implements AsyncDisposable {
  readonly upstreams: UpstreamSet;
  readonly #options: FleetOptions;
  readonly #members = new Map<string, Member>();
  /** Removed, with requests that still run. */
  readonly #leaving = new Set<Upstream>();
  readonly #stop = new AbortController();
  #started = false;
  #isStale = false;

  constructor(options: FleetOptions) {
    const { config, random } = options;
    this.#options = options;
    this.upstreams = new UpstreamSet({
      upstreams: [],
      balancer: createBalancer(config.balancer, random.stream('balancer')),
      ejection: config.ejection,
      activeChecks: config.healthChecks !== 'off',
      random: random.stream('ejection'),
    });
    for (const upstream of config.upstreams) this.#admit(upstream);
  }

  /** Starts checks and discovery; they end when this is disposed of. */
  start(): void {
    this.#started = true;
    for (const member of this.#members.values()) this.#check(member);
    const { config, control, clock, random, metrics } = this.#options;
    if (config.discovery === 'off') return;
    if (!control) throw new Error('discovery needs a control client');
    const context = {
      options: config.discovery,
      clock,
      random: random.stream('discovery'),
      client: control(config.discovery.url),
      told: (instances: readonly NamedUrl[]) => this.#told(instances),
      failed: (error: unknown, failures: number) => {
        metrics.discoveryQueries.inc({ result: 'error' });
        if (failures === 1) this.#stale(messageOf(error));
        if (!this.#keeps) this.#follow([]);
      },
    };
    void followCatalog(context, this.#stop.signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    const all = [...this.upstreams.all, ...this.#leaving];
    await Promise.all(all.map(upstream => upstream.transport.close()));
  }

  #told(instances: readonly NamedUrl[]): void {
    const { metrics, log } = this.#options;
    if (instances.length === 0) {
      metrics.discoveryQueries.inc({ result: 'empty' });
      this.#stale('it names nobody');
      if (!this.#keeps) this.#follow([]);
      return;
    }
    metrics.discoveryQueries.inc({ result: 'ok' });
    if (this.#isStale) log.info({ instances: instances.length }, 'discovery is back');
    this.#isStale = false;
    metrics.discoveryStale.set(0);
    this.#follow(instances);
  }

  #follow(instances: readonly NamedUrl[]): void {
    const current = [...this.#members].map(([name, { url }]) => ({ name, url }));
    const { added, moved, told, missing } = diffUpstreams(current, instances);
    for (const upstream of added) this.#changed('added', this.#admit(upstream));
    for (const upstream of moved) {
      this.#dismiss(upstream.name);
      this.#changed('moved', this.#admit(upstream));
    }
    for (const name of told) this.#members.get(name)!.named = true;
    for (const name of missing) this.#unnamed(this.#members.get(name)!);
  }

  get #keeps(): boolean {
    const { discovery } = this.#options.config;
    return discovery === 'off' || discovery.keepLastGood;
  }

  /** Says once that the list is an old one. */
  #stale(reason: string): void {
    if (this.#isStale) return;
    this.#isStale = true;
    this.#options.metrics.discoveryStale.set(1);
    const kept = this.#keeps ? this.#members.size : 0;
    this.#options.log.warn({ reason, kept }, 'discovery gives no list, the last good one is kept');
  }

  #unnamed(member: Member): void {
    const { config } = this.#options;
    const { health } = member.upstream.health;
    if (config.healthChecks === 'off' || health === 'unhealthy' || !this.#keeps) {
      this.#remove(member);
      return;
    }
    if (!member.named) return;
    this.#changed('kept', member);
    member.named = false;
    void this.#checkUnnamed(member);
  }

  #changed(change: 'added' | 'moved' | 'removed' | 'kept', { upstream, url }: Member): void {
    this.#options.metrics.upstreamChanges.inc({ change });
    this.#options.log.info({ upstream: upstream.name, url, change }, 'upstream changed by discovery');
  }

  #admit({ name, url }: NamedUrl): Member {
    const upstream = this.upstreams.add(name, this.#options.transport(url));
    const member = { url, upstream, checks: new AbortController(), named: true };
    this.#members.set(name, member);
    if (this.#started) this.#check(member);
    return member;
  }

  async #checkUnnamed(member: Member): Promise<void> {
    const { config, clock, deadlines } = this.#options;
    if (config.healthChecks === 'off') return;
    const { transport } = member.upstream;
    const passed = await checkOnce(transport, { options: config.healthChecks, clock, deadlines });
    if (!passed && !member.named && !member.checks.signal.aborted) this.#remove(member);
  }

  #remove(member: Member): void {
    this.#dismiss(member.upstream.name);
    this.#changed('removed', member);
  }

  #dismiss(name: string): void {
    const { upstream, checks } = this.#members.get(name)!;
    checks.abort();
    this.#members.delete(name);
    this.upstreams.remove(upstream);
    void this.#closeWhenIdle(upstream);
  }

  /** Every request has its deadline, so this ends. */
  async #closeWhenIdle(upstream: Upstream): Promise<void> {
    this.#leaving.add(upstream);
    const { signal } = this.#stop;
    while (upstream.inFlight > 0 && !signal.aborted)
      await this.#options.clock.sleep(IDLE_POLL_MS, signal).catch(() => {});
    this.#leaving.delete(upstream);
    await upstream.transport.close();
  }

  #check(member: Member): void {
    const { config, clock, random, deadlines, metrics, log } = this.#options;
    if (config.healthChecks === 'off') return;
    const { upstream } = member;
    const checked = (_: Upstream, passed: boolean, changed: boolean) => {
      // The last check of one that was removed dies with its connections, which says nothing.
      if (member.checks.signal.aborted) return;
      metrics.healthChecks.labels(upstream.name, passed ? 'pass' : 'fail').inc();
      if (changed) log.info({ upstream: upstream.name, health: upstream.health.health }, 'upstream health');
      if (!member.named && !passed) this.#remove(member);
    };
    const context = {
      options: config.healthChecks,
      clock,
      random: random.stream(`health/${upstream.name}`),
      deadlines,
      checked,
    };
    void checkForever(upstream, context, AbortSignal.any([this.#stop.signal, member.checks.signal]));
  }
}
