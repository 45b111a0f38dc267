import type { Random } from '../../../harness/random.ts';
import { hashText } from '../../block-hash.ts';
import type { Balancer, Candidate } from '../balancing/balancer.ts';
import type { Exchange } from '../http/exchange.ts';
import {
  type Breaker,
  type BreakerChange,
  type BreakerOptions,
  type BreakerOutcome,
  type BreakerState,
  breakerState,
  enter,
  failedRatio,
  isPassable,
  leave,
  newBreaker,
  recordAtBreaker,
} from './breaker.ts';
import {
  type EjectionOptions,
  isEjected,
  isSuspect,
  newOutlierRecord,
  type OutlierRecord,
  recordOutcome,
} from './ejection.ts';
import { type HealthRecord, unknownHealth } from './health.ts';
import type { Transport } from './transport.ts';
import { newProgress, type Progress } from './zombies.ts';

/** One replica as seen by this gateway. */
export interface Upstream extends Candidate {
  readonly transport: Transport;
  readonly outlier: OutlierRecord;
  readonly breaker: Breaker;
  /** Undefined where zombies are not looked for. */
  readonly progress: Progress | undefined;
  health: HealthRecord;
  /** Attempts in flight, counted from when the upstream is picked for them. */
  inFlight: number;
  /** When the wait ends that it asked for with a 429. */
  rateLimitedUntilMs: number;
}

/**
 * State of an upstream; only a `usable` one gets traffic. `open`: its circuit breaker is, or has no trial left · `zombie`: it is out since it
 * showed no output.
 */
export type UpstreamState = 'usable' | 'ejected' | 'zombie' | 'open' | 'rate-limited' | 'unhealthy' | 'unknown';

interface UpstreamSetOptions {
  readonly upstreams: readonly { readonly name: string; readonly transport: Transport }[];
  readonly balancer: Balancer;
  readonly ejection: 'off' | EjectionOptions;
  readonly breaker: 'off' | BreakerOptions;
  /** Maximum attempts in flight at an upstream. @default no limit */
  readonly maxInFlight?: number;
  /** Whether zombies are looked for. @default false */
  readonly zombies?: boolean;
  /** Whether active checks decide on health; without them every upstream is healthy. */
  readonly activeChecks: boolean;
  readonly random: Random;
}

/**
 * Set of upstreams and selection among them.
 *
 * ```
 *  all ──active checks──► healthy ──ejection, breaker, 429──► usable ──not tried, not suspect──► balancer ──► one
 *                            │ none: nothing, 503                │ none: the least bad (panic)  │ none: all usable
 * ```
 *
 * Of the healthy ones only those are looked at that have less than the maximum of attempts in flight, if there is one.
 *
 * Ejection is overridden when it would leave no upstream, since passive detection can be wrong about all of them at once, and so is the
 * wait after a 429, since the limit may be that of one caller or model; an open breaker, too, of those with the fewest failures. Failed
 * active checks are not: a replica that reports unready would reject the work anyway, and a fast 503 is better than a slow one.
 */
export class UpstreamSet {
  readonly #options: UpstreamSetOptions;
  #all: readonly Upstream[] = [];
  #outliers: readonly OutlierRecord[] = [];
  #added = 0;

  constructor(options: UpstreamSetOptions) {
    this.#options = options;
    for (const { name, transport } of options.upstreams) this.add(name, transport);
  }

  /** Current upstreams sorted by `order`. Never modified in place. */
  get all(): readonly Upstream[] {
    return this.#all;
  }

  /** Adds an upstream, which gets traffic once its first check passes. */
  add(name: string, transport: Transport): Upstream {
    const health: HealthRecord = this.#options.activeChecks ? unknownHealth : { health: 'healthy', contradictions: 0 };
    const state = {
      outlier: newOutlierRecord(),
      breaker: newBreaker(),
      progress: this.#options.zombies ? newProgress() : undefined,
      health,
      inFlight: 0,
      rateLimitedUntilMs: Number.NEGATIVE_INFINITY,
      turn: undefined,
      report: undefined,
    };
    const upstream = { name, order: this.#added, hash: hashText(name), transport, ...state };
    this.#added += 1;
    this.#set([...this.#all, upstream]);
    return upstream;
  }

  /** Stops sending requests to `upstream`. Requests in flight continue; the transport stays open for them. */
  remove(upstream: Upstream): void {
    this.#set(this.#all.filter(other => other !== upstream));
  }

  /** Attempts that may be in flight at all healthy upstreams together; infinite without a limit. */
  room(): number {
    const { maxInFlight } = this.#options;
    return (maxInFlight && this.#healthy().length * maxInFlight) || Number.POSITIVE_INFINITY;
  }

  /** Picks an upstream, preferably one not in `tried`; undefined when none is healthy and has room. */
  pick(nowMs: number, tried: readonly Upstream[], exchange: Exchange): Upstream | undefined {
    const usable = this.candidates(nowMs);
    const untried = tried.length > 0 ? preferred(usable, upstream => !tried.includes(upstream)) : usable;
    return this.#choose(untried, exchange, nowMs);
  }

  /** Those that {@link pick} chooses from: usable ones with room, or else the least bad; none without a healthy one. */
  candidates(nowMs: number): readonly Upstream[] {
    return this.#usable(this.#withRoom(this.#healthy()), nowMs);
  }

  /** Picks an upstream that is not in `tried`, an ejected one rather than none; undefined when there is none. */
  pickOther(nowMs: number, tried: readonly Upstream[], exchange: Exchange): Upstream | undefined {
    return this.#choose(this.#usable(this.#withRoom(this.#others(nowMs, tried)), nowMs), exchange, nowMs);
  }

  /** Whether {@link pickOther} would return an upstream. */
  hasOther(nowMs: number, tried: readonly Upstream[]): boolean {
    return this.#others(nowMs, tried).length > 0;
  }

  /** Records the outcome of an attempt for ejection; true when it ejects the upstream. */
  record(upstream: Upstream, success: boolean, nowMs: number): boolean {
    const { ejection, random } = this.#options;
    if (ejection === 'off') return false;
    return recordOutcome(ejection, upstream.outlier, this.#outliers, success, nowMs, random);
  }

  /** State of an upstream at `nowMs`. */
  stateOf(upstream: Upstream, nowMs: number): UpstreamState {
    const { breaker } = this.#options;
    if (upstream.health.health !== 'healthy') return upstream.health.health;
    if (isEjected(upstream.outlier, nowMs)) return 'ejected';
    if (upstream.progress?.zombieSinceMs !== undefined) return 'zombie';
    if (breaker !== 'off' && !isPassable(breaker, upstream.breaker, nowMs)) return 'open';
    return nowMs < upstream.rateLimitedUntilMs ? 'rate-limited' : 'usable';
  }

  /** State of an upstream's circuit breaker; undefined without breakers. */
  breakerOf(upstream: Upstream, nowMs: number): BreakerState | undefined {
    return this.#options.breaker === 'off' ? undefined : breakerState(upstream.breaker, nowMs);
  }

  /** Begins an attempt, see {@link enter}. */
  enter(upstream: Upstream, nowMs: number): { readonly ticket: number | undefined; readonly change?: BreakerChange } {
    const { breaker } = this.#options;
    return breaker === 'off' ? { ticket: undefined } : enter(breaker, upstream.breaker, nowMs);
  }

  /** Ends an attempt, see {@link leave}. */
  leave(upstream: Upstream, ticket: number | undefined): void {
    leave(upstream.breaker, ticket);
  }

  /** Records the outcome of an attempt at the circuit breaker, see {@link recordAtBreaker}. */
  recordAtBreaker(
    upstream: Upstream,
    outcome: BreakerOutcome,
    ticket: number | undefined,
    nowMs: number,
  ): BreakerChange | undefined {
    const { breaker } = this.#options;
    return breaker === 'off' ? undefined : recordAtBreaker(breaker, upstream.breaker, outcome, ticket, nowMs);
  }

  /** Whether an upstream is healthy, with or without room. */
  hasUsable(): boolean {
    return this.all.some(upstream => upstream.health.health === 'healthy');
  }

  /** Those that may have another attempt. */
  #withRoom(upstreams: readonly Upstream[]): readonly Upstream[] {
    const { maxInFlight } = this.#options;
    return maxInFlight === undefined ? upstreams : upstreams.filter(({ inFlight }) => inFlight < maxInFlight);
  }

  #healthy(): readonly Upstream[] {
    return this.all.filter(upstream => upstream.health.health === 'healthy');
  }

  #others(nowMs: number, tried: readonly Upstream[]): readonly Upstream[] {
    return this.#healthy().filter(
      upstream => !tried.includes(upstream) && this.stateOf(upstream, nowMs) !== 'rate-limited',
    );
  }

  /** Those that are usable, or else those of them with the lowest ratio of failures. */
  #usable(upstreams: readonly Upstream[], nowMs: number): readonly Upstream[] {
    const { breaker } = this.#options;
    const usable = upstreams.filter(upstream => this.stateOf(upstream, nowMs) === 'usable');
    if (usable.length > 0 || breaker === 'off') return usable.length > 0 ? usable : upstreams;
    const ratios = upstreams.map(upstream => failedRatio(breaker, upstream.breaker, nowMs));
    const lowest = Math.min(...ratios);
    return upstreams.filter((_, index) => ratios[index] === lowest);
  }

  #choose(upstreams: readonly Upstream[], exchange: Exchange, nowMs: number): Upstream | undefined {
    const { balancer, ejection } = this.#options;
    const candidates =
      ejection === 'off' ? upstreams : preferred(upstreams, ({ outlier }) => !isSuspect(ejection, outlier));
    return candidates.length > 0 ? balancer(candidates, exchange, nowMs) : undefined;
  }

  #set(upstreams: readonly Upstream[]): void {
    this.#all = upstreams;
    this.#outliers = upstreams.map(({ outlier }) => outlier);
  }
}

/** Those that pass, or all if none does. */
function preferred(upstreams: readonly Upstream[], test: (upstream: Upstream) => boolean): readonly Upstream[] {
  const passing = upstreams.filter(test);
  return passing.length > 0 ? passing : upstreams;
}
