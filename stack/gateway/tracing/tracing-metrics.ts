import { Counter, type Registry } from 'prom-client';
import { computedGauge } from '../../observability/computed-gauge.ts';

/**
 * How a span ended up. `sent`: the endpoint took it · `unsampled`: of a request that is not kept · `overflow`: too many were open or queued ·
 * `rejected`: the endpoint refused it · `undelivered`: the endpoint could not be reached, also not by retries, or the gateway has stopped.
 */
export type SpanFate = 'sent' | 'unsampled' | 'overflow' | 'rejected' | 'undelivered';

/** Metrics of tracing, named `gateway_tracing_…`. */
export class TracingMetrics {
  readonly spans: Counter<'result'>;

  /** @param counts spans that wait for the end of their request, and those that wait for being sent */
  constructor(registry: Registry, counts: { readonly open: () => number; readonly queued: () => number }) {
    this.spans = new Counter({
      name: 'gateway_tracing_spans_total',
      help: 'Spans by what became of them',
      labelNames: ['result'],
      registers: [registry],
    });
    computedGauge(registry, 'gateway_tracing_open_spans', 'Spans whose requests have not ended', counts.open);
    computedGauge(registry, 'gateway_tracing_queued_spans', 'Spans that wait for being sent', counts.queued);
  }

  /** Counts spans. */
  count(fate: SpanFate, spans: number): void {
    if (spans > 0) this.spans.labels(fate).inc(spans);
  }
}
