import type { SpanAttributes } from '../../../harness/tracing/span.ts';

/** How a span differs from an internal one without links. */
export interface SpanOptions {
  /** `client`: a request to another service. @default internal */
  readonly kind?: 'client';
  /** Span of another request on which this one waits. */
  readonly waitsFor?: OpenSpan | undefined;
}

/**
 * A span that has not ended. Parts of the gateway are given the one that they are within, or undefined where tracing is off or the request is not traced,
 * so that they cost nothing then.
 */
export interface OpenSpan {
  readonly traceId: string;
  /** 16 hex digits. */
  readonly spanId: string;
  /** Starts a span within this one, now. */
  start(name: string, attributes?: SpanAttributes, options?: SpanOptions): OpenSpan;
  /** Something happened, now. @param attribute gets the time since the start, in seconds */
  event(name: string, attribute: string): void;
  /** Ends it now. A second call does nothing. @param error what went wrong; undefined: nothing did */
  end(attributes?: SpanAttributes, error?: string): void;
}
