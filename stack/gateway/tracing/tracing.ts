import {
  type Attributes,
  type Context,
  createContextKey,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { AlwaysOnSampler, type ReadableSpan, type SpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import type { Clock } from '../../../harness/clock.ts';
import type { Random } from '../../../harness/random.ts';
import type { SpanAttributes } from '../../../harness/tracing/span.ts';
import type { Exchange } from '../http/exchange.ts';
import { hexDigits } from '../http/trace-context.ts';
import type { TracingConfig } from './config.ts';
import type { OpenSpan, SpanOptions } from './open-span.ts';
import { requestAttributes, responseAttributes } from './request-attributes.ts';
import { failureOf, isSampled } from './sampling.ts';
import type { TracingMetrics } from './tracing-metrics.ts';

interface TracingParts {
  readonly config: TracingConfig;
  /** Of the gateway, as `service.instance.id`. */
  readonly name: string;
  readonly clock: Clock;
  /** Draws the ids of spans. */
  readonly random: Random;
  readonly metrics: TracingMetrics;
  /** Gets the spans of requests that are kept. */
  readonly queue: { add(spans: readonly ReadableSpan[]): void };
}

/** Spans of one request that wait for its end, when it is known whether they are kept. */
interface Held {
  readonly ended: ReadableSpan[];
  open: number;
  /** Undefined until the request has ended. */
  isKept: boolean | undefined;
}

const HELD = createContextKey('spans of the request');

/**
 * Spans of requests by the SDK of OpenTelemetry, with times of the handed clock and ids of the handed chance. Whether a request is kept is decided at its end:
 *
 * ```
 *  begin ─► span of the request ─┬─► admission, queue, backoff …     ended spans are held
 *                                └─► attempt ─► upstream (traceparent)
 *  finish ─► failed? slow? in the ratio? ─┬─ yes ─► queue ─► endpoint
 *                                         └─ no ──► dropped
 * ```
 */
export class Tracing {
  readonly #parts: TracingParts;
  readonly #tracer: Tracer;
  readonly #held = new WeakMap<object, Held>();
  readonly #roots = new WeakMap<OpenSpan, Held>();
  /** Of the wall clock over the monotonic one, in ms. */
  readonly #originMs: number;
  #nextIds: { readonly traceId: string; readonly spanId: string } | undefined;
  #heldSpans = 0;

  constructor(parts: TracingParts) {
    this.#parts = parts;
    const { clock, name, random } = parts;
    this.#originMs = clock.date().getTime() - clock.nowMs();
    const processor: SpanProcessor = {
      onStart: (span, context) => this.#started(span, context),
      onEnd: span => this.#ended(span),
      forceFlush: async () => {},
      shutdown: async () => {},
    };
    const provider = new TracerProvider({
      resource: resourceFromAttributes({ 'service.name': 'gateway', 'service.instance.id': name }),
      // Which spans are kept is decided later.
      sampler: new AlwaysOnSampler(),
      idGenerator: {
        generateTraceId: () => this.#nextIds?.traceId ?? hexDigits(random, 4),
        generateSpanId: () => this.#nextIds?.spanId ?? hexDigits(random, 2),
      },
      spanProcessors: [processor],
    });
    this.#tracer = provider.getTracer('squall');
  }

  /** Spans that wait for the end of their request, ended ones included. */
  get openSpans(): number {
    return this.#heldSpans;
  }

  /** Starts the span of a request, with the ids that its log line has; undefined while too many spans are open. */
  begin(exchange: Exchange): OpenSpan | undefined {
    const { config, metrics } = this.#parts;
    if (this.#heldSpans >= config.maxOpenSpans) {
      metrics.count('overflow', 1);
      return undefined;
    }
    const { request, route, trace: joined, receivedMs } = exchange;
    const held: Held = { ended: [], open: 0, isKept: undefined };
    const { traceId, parentSpanId, flags } = joined;
    const context = parentSpanId
      ? trace.setSpanContext(ROOT_CONTEXT, {
          ...{ traceId, spanId: parentSpanId, isRemote: true },
          traceFlags: Number.parseInt(flags, 16),
        })
      : ROOT_CONTEXT;
    this.#nextIds = joined;
    const span = this.#start(route === 'other' ? request.method! : `${request.method} ${route}`, context, held, {
      kind: SpanKind.SERVER,
      startTime: this.#time(receivedMs),
      attributes: { ...requestAttributes(exchange) } as Attributes,
    });
    this.#nextIds = undefined;
    const open = this.#openSpan(span, held);
    this.#roots.set(open, held);
    return open;
  }

  /** Ends the span of a request, and decides whether it is kept. @param durationMs of the request */
  finish(exchange: Exchange, durationMs: number): void {
    const { span } = exchange;
    const held = span && this.#roots.get(span);
    if (!held) return;
    const failure = failureOf(exchange);
    held.isKept = failure !== undefined || isSampled(exchange.trace.traceId, durationMs, this.#parts.config);
    span.end(responseAttributes(exchange, failure), failure);
  }

  #start(name: string, context: Context, held: Held, options: Parameters<Tracer['startSpan']>[1]): Span {
    return this.#tracer.startSpan(name, options, context.setValue(HELD, held));
  }

  #openSpan(span: Span, held: Held): OpenSpan {
    const { traceId, spanId } = span.spanContext();
    const startedMs = this.#parts.clock.nowMs();
    let isOver = false;
    return {
      ...{ traceId, spanId },
      start: (name: string, attributes: SpanAttributes = {}, { kind, waitsFor }: SpanOptions = {}) => {
        const started = this.#start(name, trace.setSpan(ROOT_CONTEXT, span), held, {
          kind: kind === 'client' ? SpanKind.CLIENT : SpanKind.INTERNAL,
          startTime: this.#now(),
          attributes: attributes as Record<string, never>,
          ...(waitsFor && { links: [{ context: { ...waitsFor, traceFlags: 1 } }] }),
        });
        return this.#openSpan(started, held);
      },
      event: (name, attribute) => {
        if (isOver) return;
        span.addEvent(name, this.#now());
        span.setAttribute(attribute, (this.#parts.clock.nowMs() - startedMs) / 1000);
      },
      end: (attributes, error) => {
        if (isOver) return;
        isOver = true;
        if (attributes) span.setAttributes(attributes as Record<string, never>);
        if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
        span.end(this.#now());
      },
    };
  }

  #started(span: object, context: Context): void {
    const held = context.getValue(HELD) as Held;
    held.open += 1;
    this.#heldSpans += 1;
    this.#held.set(span, held);
  }

  #ended(span: ReadableSpan): void {
    const held = this.#held.get(span)!;
    held.open -= 1;
    held.ended.push(span);
    if (held.open > 0 || held.isKept === undefined) return;
    const { queue, metrics } = this.#parts;
    this.#heldSpans -= held.ended.length;
    if (held.isKept) queue.add(held.ended);
    else metrics.count('unsampled', held.ended.length);
    // What begins after the end of its request, such as the storing of its response, is decided in the same way.
    held.ended.length = 0;
  }

  #now(): [number, number] {
    return this.#time(this.#parts.clock.nowMs());
  }

  /** An instant of the clock as seconds and nanoseconds since 1970, to the microsecond. */
  #time(nowMs: number): [number, number] {
    const micros = Math.round((this.#originMs + nowMs) * 1000);
    return [Math.floor(micros / 1e6), (micros % 1e6) * 1000];
  }
}
