import type { Random } from '../../harness/random.ts';
import type { Balancer } from './balancer.ts';
import { type EjectionOptions, isEjected, newOutlierRecord, type OutlierRecord, recordOutcome } from './ejection.ts';
import { type HealthRecord, unknownHealth } from './health.ts';
import type { Transport } from './transport.ts';

/** One replica as this gateway sees it. */
export interface Upstream {
  readonly name: string;
  /** Its place in the configuration. */
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
  readonly all: readonly Upstream[];
  readonly #options: UpstreamSetOptions;
  readonly #outliers: readonly OutlierRecord[];

  constructor(options: UpstreamSetOptions) {
    this.#options = options;
    const health: HealthRecord = options.activeChecks ? unknownHealth : { health: 'healthy', contradictions: 0 };
    this.all = options.upstreams.map(({ name, transport }, order) => {
      return { name, order, transport, outlier: newOutlierRecord(), health, inFlight: 0 };
    });
    this.#outliers = this.all.map(upstream => upstream.outlier);
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
}

/** The state to show for an upstream at `nowMs`. */
export function stateOf(upstream: Upstream, nowMs: number): UpstreamState {
  if (upstream.health.health !== 'healthy') return upstream.health.health;
  return isEjected(upstream.outlier, nowMs) ? 'ejected' : 'usable';
}
