import { JsonTraceSerializer } from '@opentelemetry/otlp-transformer';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import pino from 'pino';
import { seededRandom } from '../../../../harness/random.ts';
import type { SpanRecord } from '../../../../harness/tracing/span.ts';
import { readSpans } from '../../../../stack/collector/otlp.ts';
import type { CacheStore } from '../../../../stack/gateway/cache/store.ts';
import type { GatewayConfigInput } from '../../../../stack/gateway/config.ts';
import { type TracingConfig, tracingSchema } from '../../../../stack/gateway/tracing/config.ts';
import { Tracing } from '../../../../stack/gateway/tracing/tracing.ts';
import { TracingMetrics } from '../../../../stack/gateway/tracing/tracing-metrics.ts';
import { FakeClock } from '../../../fake-clock.ts';
import { startInMemory } from '../merge/fixture.ts';

/** Tracing of everything. */
export const ALL: TracingConfig = tracingSchema.parse({ endpoint: 'http://127.0.0.1:4318/v1/traces', ratio: 1 });

/** A line of the gateway's log. */
export type LogLine = Readonly<Record<string, unknown>>;

/** A gateway in memory as of `startInMemory`, and the spans that it would send, as a collector reads them. */
export function startTraced(
  config: Partial<GatewayConfigInput>,
  tracing: Partial<TracingConfig> = {},
  store?: CacheStore,
) {
  const clock = new FakeClock(1000);
  const kept: ReadableSpan[] = [];
  const log: LogLine[] = [];
  const started = startInMemory(config, store, undefined, {
    clock,
    log: pino({ base: {} }, { write: line => void log.push(JSON.parse(line)) }),
    tracing: registry => {
      const metrics = new TracingMetrics(registry, { open: () => traced.openSpans, queued: () => 0 });
      const queue = { add: (spans: readonly ReadableSpan[]) => void kept.push(...spans) };
      const random = seededRandom(5);
      const traced = new Tracing({ config: { ...ALL, ...tracing }, name: 'gateway-1', clock, random, metrics, queue });
      return { tracing: traced, queue: { [Symbol.asyncDispose]: async () => {} } };
    },
  });
  const spans = (): readonly SpanRecord[] => {
    const body = JsonTraceSerializer.serializeRequest(kept)!;
    return readSpans(Buffer.from(body).toString('utf8')).spans;
  };
  return { ...started, clock, spans, log: () => log.filter(({ msg }) => msg === 'request') };
}

/** Spans as a tree, a line each: indentation, name, start and duration in ms, and what went wrong. */
export function outline(spans: readonly SpanRecord[], parent?: string, depth = 0): string[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  return spans
    .filter(({ parentSpanId = '' }) => (parent === undefined ? !ids.has(parentSpanId) : parentSpanId === parent))
    .sort((a, b) => a.startMs - b.startMs)
    .flatMap(span => [
      `${'  '.repeat(depth)}${span.name} ${span.startMs}+${span.durationMs}${span.error === undefined ? '' : ` ${span.error}`}`,
      ...outline(spans, span.spanId, depth + 1),
    ]);
}
