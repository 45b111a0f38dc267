import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Clock } from '../../../harness/clock.ts';
import type { Random } from '../../../harness/random.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Fleet } from '../upstream/fleet.ts';
import type { Upstream, UpstreamSet } from '../upstream/upstreams.ts';
import type { ReleaseConfig } from './config.ts';
import type { Decision, DecisionStore } from './decision.ts';
import { Decisions } from './decisions.ts';
import { ReleaseMetrics } from './release-metrics.ts';
import { TokenCount } from './token-count.ts';
import { VersionStats } from './version-stats.ts';
import { drawVersion, versionFor } from './weighted-choice.ts';

interface ReleaseParts {
  readonly config: ReleaseConfig;
  readonly fleet: Pick<Fleet, 'upstreams' | 'versionOf'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly registry: Registry;
  readonly log: Logger;
  /** Undefined: each gateway for itself. */
  readonly store: DecisionStore | undefined;
}

/** Choice of an upstream for one request. */
export type Choice = Pick<UpstreamSet, 'pick' | 'pickOther' | 'hasOther'>;

/** Callers whose version is remembered, per route. */
const MAX_REMEMBERED = 10_000;

/** What is known of a route besides the decision on it. */
interface Route {
  readonly model: string;
  readonly versions: readonly string[];
  readonly stats: ReadonlyMap<string, VersionStats>;
  /** In effect, in the order of the configuration. */
  weights: ReadonlyMap<string, number>;
  /** Versions of callers, by these weights. */
  readonly remembered: Map<string, string>;
  isRollingBack: boolean;
}

/**
 * Versions of models: which one serves a request, what becomes of them, and when one is rolled back.
 *
 * ```
 *  request ─► route of its model ─► version, by key and weights ─► upstreams with that label ─► outcome ─► windows
 *                      ▲                         ▲                   └ none healthy: another version      │
 *                      └── none: any upstream    └──── weights ◄──── admin API, other gateways ◄── burns? ┘
 * ```
 *
 * A retry stays with the version, whose models may differ. The weights are looked at before each attempt, so that what waits leaves a version that was
 * rolled back.
 */
export class Release implements Disposable {
  readonly decisions: Decisions;
  readonly #parts: ReleaseParts;
  readonly #routes: ReadonlyMap<string, Route>;
  readonly #metrics: ReleaseMetrics;
  /** Upstreams of other versions, by version, as of `of`. */
  #others: { readonly of: readonly Upstream[]; readonly by: Map<string, readonly Upstream[]> } = {
    of: [],
    by: new Map(),
  };

  constructor(parts: ReleaseParts) {
    const { config, clock, registry, log, store } = parts;
    this.#parts = parts;
    this.#metrics = new ReleaseMetrics(registry, () => this.#weights());
    const { routes, rollback, pollMs } = config;
    this.#routes = new Map(
      routes.map(({ model, versions }) => {
        const stats = versions.map(({ name }) => {
          const labels = { model, version: name };
          return [name, new VersionStats({ labels, rollback, metrics: this.#metrics, clock })] as const;
        });
        const names = versions.map(({ name }) => name);
        const weights = new Map(versions.map(({ name, weight }) => [name, weight]));
        const route = { model, versions: names, stats: new Map(stats), weights, remembered: new Map() };
        return [model, { ...route, isRollingBack: false }];
      }),
    );
    this.decisions = new Decisions({
      ...{ routes, pollMs, clock, log, store },
      onDecision: (model, decision) => this.#onDecision(this.#routes.get(model)!, decision),
      onStore: isUp => this.#metrics.storeUp.set(isUp ? 1 : 0),
    });
  }

  /** Follows the decisions of other gateways. Resolves once it knows them, or after a second. */
  start(): Promise<void> {
    return this.decisions.start();
  }

  [Symbol.dispose](): void {
    this.decisions[Symbol.dispose]();
  }

  /** Gives the exchange the version that serves it, if its model has a route, by the weights of now. */
  assign(exchange: Exchange): void {
    const route = this.#routes.get(exchange.model);
    if (!route) return;
    const { version, caller } = exchange;
    if (this.#parts.config.sticky === 'by-key' && caller !== 'anonymous') exchange.version = sticky(route, caller);
    else if (version === undefined || !route.weights.get(version))
      exchange.version = drawVersion(this.#parts.random.next(), route.weights);
  }

  /** How an upstream is chosen for the exchange: among those of its version, or of others while none of these is healthy or has room. */
  choiceFor(exchange: Exchange): Choice {
    const { upstreams } = this.#parts.fleet;
    if (!this.#routes.has(exchange.model)) return upstreams;
    return {
      pick: (nowMs, tried, request) => {
        this.assign(exchange);
        const others = this.avoided(exchange);
        return (
          upstreams.pickOther(nowMs, [...tried, ...others], request) ??
          upstreams.pickOther(nowMs, others, request) ??
          upstreams.pickOther(nowMs, [...tried, ...this.#withoutTraffic(exchange)], request) ??
          upstreams.pick(nowMs, tried, request)
        );
      },
      pickOther: (nowMs, tried, request) => upstreams.pickOther(nowMs, [...tried, ...this.avoided(exchange)], request),
      hasOther: (nowMs, tried) => upstreams.hasOther(nowMs, [...tried, ...this.avoided(exchange)]),
    };
  }

  /** Upstreams of other versions than the exchange's; none without a route. */
  avoided({ version }: Exchange): readonly Upstream[] {
    const { upstreams, versionOf } = this.#parts.fleet;
    if (version === undefined) return [];
    if (this.#others.of !== upstreams.all) this.#others = { of: upstreams.all, by: new Map() };
    let others = this.#others.by.get(version);
    if (!others) {
      others = upstreams.all.filter(upstream => versionOf(upstream) !== version);
      this.#others.by.set(version, others);
    }
    return others;
  }

  /** Records that an attempt goes to an upstream, whose version is from then on that of the exchange. */
  sent(exchange: Exchange, upstream: Upstream): void {
    const { model, version } = exchange;
    const route = this.#routes.get(model);
    if (!route || version === undefined) return;
    const actual = this.#parts.fleet.versionOf(upstream);
    if (actual !== version) this.#metrics.fallbacks.labels(model, version).inc();
    exchange.version = actual;
    exchange.tokens = new TokenCount();
  }

  /** Records the first output of a response. */
  output(exchange: Exchange): void {
    const { receivedMs, queuedMs, streamed } = exchange;
    if (streamed) this.#statsOf(exchange)?.firstToken(this.#parts.clock.nowMs() - receivedMs - queuedMs);
  }

  /** Records the end of a request that had attempts, and rolls its version back if that burns its budget. */
  ended(exchange: Exchange): void {
    const stats = this.#statsOf(exchange);
    if (!stats || exchange.attempts === 0) return;
    const isBad = stats.ended(exchange);
    if (isBad) this.#judge(this.#routes.get(exchange.model)!, exchange.version!);
  }

  /** Routes as the admin API shows them. */
  summary(model?: string) {
    const { upstreams, versionOf } = this.#parts.fleet;
    const routes = [...this.#routes.values()].filter(route => model === undefined || route.model === model);
    return routes.map(({ model: name, weights, stats }) => {
      const { primary, reason, decidedMs } = this.decisions.of(name);
      const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
      const versions = [...stats].map(([version, own]) => {
        const labelled = upstreams.all.filter(upstream => versionOf(upstream) === version);
        const healthy = labelled.filter(({ health }) => health.health === 'healthy').length;
        const weight = weights.get(version) ?? 0;
        return { name: version, weight, share: weight / total, upstreams: labelled.length, healthy, ...own.summary() };
      });
      return { model: name, primary, reason, decidedMs: decidedMs || null, versions };
    });
  }

  #statsOf({ model, version = '' }: Exchange): VersionStats | undefined {
    return this.#routes.get(model)?.stats.get(version);
  }

  #judge(route: Route, version: string): void {
    const { log } = this.#parts;
    const { primary } = this.decisions.of(route.model);
    if (version === primary || !route.weights.get(version) || route.isRollingBack) return;
    const others = [...route.stats].filter(([name]) => name !== version).map(([, stats]) => stats);
    const burn = route.stats.get(version)!.burn(others);
    if (!burn) return;
    const { upstreams, versionOf } = this.#parts.fleet;
    if (!upstreams.all.some(one => versionOf(one) === primary && one.health.health === 'healthy')) {
      log.warn(
        { model: route.model, version, reason: burn.reason },
        'not rolled back: the primary has no healthy upstream',
      );
      return;
    }
    route.isRollingBack = true;
    this.#metrics.rollbacks.labels(route.model, version, burn.slo).inc();
    const weights = withoutVersion(route.weights, version, primary);
    const reason = `${version} was rolled back: ${burn.reason}`;
    void this.decisions.set(route.model, { weights, primary, reason }).then(isShared => {
      if (!isShared)
        log.warn({ model: route.model, version }, 'rolled back here, elsewhere once the shared store is back');
    });
  }

  /** New weights: what was remembered, and what was counted at the old ones, is over. */
  #onDecision(route: Route, { weights }: Decision): void {
    route.weights = new Map(route.versions.map(name => [name, weights[name] ?? 0]));
    route.remembered.clear();
    route.isRollingBack = false;
    for (const stats of route.stats.values()) stats.restart();
  }

  #withoutTraffic({ model }: Exchange): readonly Upstream[] {
    const { upstreams, versionOf } = this.#parts.fleet;
    const { weights } = this.#routes.get(model)!;
    return upstreams.all.filter(upstream => weights.get(versionOf(upstream) ?? '') === 0);
  }

  #weights() {
    return [...this.#routes.values()].flatMap(({ model, weights }) =>
      [...weights].map(([version, weight]) => ({ model, version, weight })),
    );
  }
}

function sticky({ model, weights, remembered }: Route, caller: string): string {
  let version = remembered.get(caller);
  if (version === undefined) {
    version = versionFor(caller, model, weights);
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    remembered.set(caller, version);
  }
  return version;
}

/** Weights without a version, whose part goes to the primary. */
function withoutVersion(weights: ReadonlyMap<string, number>, version: string, primary: string) {
  const freed = weights.get(version) ?? 0;
  const moved = [...weights].map(([name, weight]) => [
    name,
    name === version ? 0 : name === primary ? weight + freed : weight,
  ]);
  return Object.fromEntries(moved) as Record<string, number>;
}
