import type { Random } from '../../../harness/random.ts';
import type { Balancer } from './balancer.ts';
import { type EjectionOptions, isEjected, newOutlierRecord, type OutlierRecord, recordOutcome } from './ejection.ts';
import { type HealthRecord, unknownHealth } from './health.ts';
import type { Transport } from './transport.ts';

/** One replica as this gateway sees it. */
export interface Upstream {
  readonly name: string;
  /** The later it came, the higher; in the beginning its place in the configuration. */
  readonly order: number;
  readonly transport: Transport;
  readonly outlier: OutlierRecord;
  health: HealthRecord;
  /** Attempts that are running now. */
  inFlight: number;
}

/** Why an upstream gets traffic or not. */
export type UpstreamState = 'usable' | 'ejected' | 'unhealthy' | 'unknown';

/** Settings of {@link UpstreamSet}. */
export interface UpstreamSetOptions {
  readonly upstreams: readonly { readonly name: string; readonly transport: Transport }[];
  readonly balancer: Balancer;
  readonly ejection: 'off' | EjectionOptions;
  /** Without active checks every upstream counts as healthy. */
  readonly activeChecks: boolean;
  readonly random: Random;
}

/**
 * The replicas and the choice among them.
 *
 * ```
 *  all ──active checks──► healthy ──ejection──► usable ──not tried yet──► balancer ──► one
 *                            │  none: nothing, 503   │ none: all healthy (panic)   │ none: all usable
 * ```
 *
 * Passive ejection may be wrong about everyone at once, so it is overruled when it would leave nobody. Failed active checks
 * are not: a replica that says it is not ready would refuse the work anyway, and an early 503 is kinder than a slow one.
 */
export class UpstreamSet {
  readonly #options: UpstreamSetOptions;
  #all: readonly Upstream[] = [];
  #outliers: readonly OutlierRecord[] = [];
  #came = 0;

  constructor(options: UpstreamSetOptions) {
    this.#options = options;
    for (const { name, transport } of options.upstreams) this.add(name, transport);
  }

  /** Everybody who is there now, sorted by `order`. Never changed in place. */
  get all(): readonly Upstream[] {
    return this.#all;
  }

  /** Adds an upstream, which gets traffic from its first passed check on. */
  add(name: string, transport: Transport): Upstream {
    const health: HealthRecord = this.#options.activeChecks ? unknownHealth : { health: 'healthy', contradictions: 0 };
    const upstream = { name, order: this.#came, transport, outlier: newOutlierRecord(), health, inFlight: 0 };
    this.#came += 1;
    this.#keep([...this.#all, upstream]);
    return upstream;
  }

  /** Gives `upstream` no further requests. Those that it has go on; its transport is left open for them. */
  remove(upstream: Upstream): void {
    this.#keep(this.#all.filter(other => other !== upstream));
  }

  /** Chooses an upstream, one that is not in `tried` if possible; undefined when none is healthy. */
  pick(nowMs: number, tried: readonly Upstream[]): Upstream | undefined {
    const healthy = this.all.filter(upstream => upstream.health.health === 'healthy');
    const inRotation = healthy.filter(upstream => !isEjected(upstream.outlier, nowMs));
    const usable = inRotation.length > 0 ? inRotation : healthy;
    const fresh = tried.length > 0 ? usable.filter(upstream => !tried.includes(upstream)) : usable;
    const candidates = fresh.length > 0 ? fresh : usable;
    return candidates.length > 0 ? this.#options.balancer(candidates) : undefined;
  }

  /** Feeds the outcome of an attempt to ejection; true when it ejects the upstream. */
  record(upstream: Upstream, success: boolean, nowMs: number): boolean {
    const { ejection, random } = this.#options;
    if (ejection === 'off') return false;
    return recordOutcome(ejection, upstream.outlier, this.#outliers, success, nowMs, random);
  }

  /** Whether {@link pick} would find one. */
  hasUsable(): boolean {
    return this.all.some(upstream => upstream.health.health === 'healthy');
  }

  #keep(upstreams: readonly Upstream[]): void {
    this.#all = upstreams;
    this.#outliers = upstreams.map(({ outlier }) => outlier);
  }
}

/** The state to show for an upstream at `nowMs`. */
export function stateOf(upstream: Upstream, nowMs: number): UpstreamState {
  if (upstream.health.health !== 'healthy') return upstream.health.health;
  return isEjected(upstream.outlier, nowMs) ? 'ejected' : 'usable';
}
