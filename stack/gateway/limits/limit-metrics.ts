import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

const CHECK_SECONDS = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5];

/** Why Redis did not decide: no reply in time, an error, or already known to be down. */
export type FallbackReason = 'timeout' | 'error' | 'down';

/** Metrics of rate limits, named `gateway_limits_…`. */
export class LimitMetrics {
  /** Requests within their limits, by deciding buckets: those in Redis or the gateway's own. */
  readonly allowed: Readonly<Record<'redis' | 'local', Counter.Internal>>;
  readonly limited: Counter<'scope' | 'source'>;
  readonly fallbacks: Readonly<Record<FallbackReason, Counter.Internal>>;
  readonly redisUp: Gauge;
  readonly redisSeconds: Histogram;

  constructor(registry: Registry) {
    const registers = [registry];
    const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
      new Counter({ name: `gateway_limits_${name}`, help, labelNames, registers });
    const allowed = counter('allowed_total', 'Requests within their limits by deciding buckets', 'source');
    this.allowed = { redis: allowed.labels('redis'), local: allowed.labels('local') };
    this.limited = counter('limited_total', 'Requests over a limit by scope and deciding buckets', 'scope', 'source');
    const fallbacks = counter('fallbacks_total', 'Requests that Redis did not decide, by reason', 'reason');
    this.fallbacks = {
      timeout: fallbacks.labels('timeout'),
      error: fallbacks.labels('error'),
      down: fallbacks.labels('down'),
    };
    const help = '1 while rate limits are shared in Redis';
    this.redisUp = new Gauge({ name: 'gateway_limits_redis_up', help, registers });
    this.redisSeconds = new Histogram({
      name: 'gateway_limits_redis_seconds',
      help: 'Duration of rate limit checks in Redis, including failed ones',
      buckets: CHECK_SECONDS,
      registers,
    });
  }
}
