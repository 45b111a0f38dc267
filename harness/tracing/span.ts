/** Attribute of a server's span that holds the `x-request-id` of its request, by which spans and request records find each other. */
export const REQUEST_ID_ATTRIBUTE = 'http.request.header.x-request-id';

/** `msg` of the lines of a collector's log that are spans. */
export const SPAN_MESSAGE = 'span';

/** Value of an attribute. */
export type AttributeValue = string | number | boolean | readonly (string | number | boolean)[];

/** Attributes by their published names, such as `http.response.status_code`. */
export type SpanAttributes = Readonly<Record<string, AttributeValue>>;

/** Something that happened within a span. */
export interface SpanEvent {
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly attributes?: SpanAttributes;
}

/** Span of a trace as it is stored: one operation of one service, within that of its parent. */
export interface SpanRecord {
  /** Who did it: `service.instance.id` of its resource, or `service.name`. */
  readonly by: string;
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits. */
  readonly spanId: string;
  /** Absent for a root. */
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: 'unspecified' | 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  /** Milliseconds since 1970, to the microsecond. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly attributes: SpanAttributes;
  /** Absent where there are none. */
  readonly events?: readonly SpanEvent[];
  /** Spans of other traces that it depends on; absent where there are none. */
  readonly links?: readonly Pick<SpanRecord, 'traceId' | 'spanId'>[];
  /** What went wrong, possibly empty; absent where nothing did. */
  readonly error?: string;
}
