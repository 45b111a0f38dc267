import { Counter, Histogram, type Registry } from 'prom-client';

const STORE_SECONDS = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5];
const RESULTS = ['hit', 'miss', 'stale', 'fallback', 'bypass'] as const;
const FAILURES = ['timeout', 'error', 'down'] as const;

/** How a request was served: see `x-cache` in docs/gateway-cache.md. */
export type CacheResult = (typeof RESULTS)[number];

/** Metrics of the cache, named `gateway_cache_…`. */
export class CacheMetrics {
  /** Requests by result; those that joined another one count like it. */
  readonly requests: Readonly<Record<CacheResult, Counter.Internal>>;
  readonly storeFailures: Readonly<Record<(typeof FAILURES)[number], Counter.Internal>>;
  /** Entries that were written. */
  readonly stored: Counter;
  /** Entries that cannot be decrypted, since they were changed, or belong to another key. */
  readonly unreadable: Counter;
  readonly storeSeconds: Histogram;

  constructor(registry: Registry) {
    const registers = [registry];
    const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
      new Counter({ name: `gateway_cache_${name}`, help, labelNames, registers });
    const requests = counter('requests_total', 'Requests by how the cache served them', 'result');
    this.requests = byLabel(RESULTS, result => requests.labels(result));
    const failures = counter('store_failures_total', 'Calls of Redis without a reply in time, by reason', 'reason');
    this.storeFailures = byLabel(FAILURES, reason => failures.labels(reason));
    this.stored = counter('stored_total', 'Responses that were stored');
    this.unreadable = counter('unreadable_total', 'Entries that could not be decrypted');
    this.storeSeconds = new Histogram({
      name: 'gateway_cache_store_seconds',
      help: 'Duration of calls of Redis, including failed ones',
      buckets: STORE_SECONDS,
      registers,
    });
  }
}

function byLabel<Label extends string>(
  labels: readonly Label[],
  make: (label: Label) => Counter.Internal,
): Record<Label, Counter.Internal> {
  const all = labels.map(label => [label, make(label)] as const);
  // Counted from 0 on, so that an increase from none to one is one.
  for (const [, counter] of all) counter.inc(0);
  return Object.fromEntries(all) as Record<Label, Counter.Internal>;
}
