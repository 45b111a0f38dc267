import { z } from 'zod';
import type { AttributeValue, SpanAttributes, SpanRecord } from '../../harness/tracing/span.ts';

/** 64-bit integers are texts in JSON of protobuf, but numbers are allowed. */
const integer = z.union([z.string().regex(/^-?\d{1,20}$/), z.int()]).transform(Number);
/** Unlike other bytes in JSON of protobuf, those of ids are in hex, by OTLP. */
const hex = (digits: number) =>
  z
    .string()
    .regex(new RegExp(`^[0-9a-fA-F]{${digits}}$`))
    .refine(id => /[^0]/.test(id))
    .transform(id => id.toLowerCase());

const scalar = z.union([
  z.object({ stringValue: z.string() }).transform(value => value.stringValue),
  z.object({ boolValue: z.boolean() }).transform(value => value.boolValue),
  z.object({ intValue: integer }).transform(value => value.intValue),
  z.object({ doubleValue: z.number() }).transform(value => value.doubleValue),
]);
const anyValue = z.union([
  scalar,
  z
    .object({ arrayValue: z.object({ values: z.array(scalar).default([]) }) })
    .transform(value => value.arrayValue.values),
]);

/** Attributes; those without a value, and nested ones, are left out. */
const attributes = z
  .array(z.object({ key: z.string(), value: z.unknown() }))
  .default([])
  .transform((pairs): SpanAttributes => {
    const read: [string, AttributeValue][] = pairs.flatMap(({ key, value }) => {
      const { success, data } = anyValue.safeParse(value);
      return success ? [[key, data] as [string, AttributeValue]] : [];
    });
    return Object.fromEntries(read);
  });

const nanos = z
  .union([z.string().regex(/^\d{1,20}$/), z.int().min(0)])
  .transform(text => BigInt(text))
  .refine(value => value < 2n ** 63n);

const spanSchema = z.object({
  traceId: hex(32),
  spanId: hex(16),
  parentSpanId: z.union([z.literal(''), hex(16)]).optional(),
  name: z.string(),
  kind: z.int().min(0).max(5).default(0),
  startTimeUnixNano: nanos,
  endTimeUnixNano: nanos,
  attributes,
  events: z.array(z.object({ timeUnixNano: nanos, name: z.string(), attributes })).default([]),
  links: z.array(z.object({ traceId: hex(32), spanId: hex(16) })).default([]),
  status: z.object({ code: z.int().default(0), message: z.string().optional() }).default({ code: 0 }),
});

const requestSchema = z.object({
  resourceSpans: z
    .array(
      z.object({
        resource: z.object({ attributes }).default({ attributes: {} }),
        scopeSpans: z.array(z.object({ spans: z.array(z.unknown()).default([]) })).default([]),
      }),
    )
    .default([]),
});

const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const;
const ERROR = 2;

/** Spans of a request, and how many of its spans are none. */
export interface ReadSpans {
  readonly spans: readonly SpanRecord[];
  readonly rejected: number;
}

/**
 * Reads an `ExportTraceServiceRequest` of OTLP in JSON; unknown fields are left out.
 * @throws Error with what is wrong if it is none
 */
export function readSpans(text: string): ReadSpans {
  const { success, data, error } = requestSchema.safeParse(JSON.parse(text));
  if (!success) {
    const { path, message } = error.issues[0]!;
    throw new Error(`\`${path.join('.')}\`: ${message}`);
  }
  const spans: SpanRecord[] = [];
  let rejected = 0;
  for (const { resource, scopeSpans } of data.resourceSpans) {
    const by = `${resource.attributes['service.instance.id'] ?? resource.attributes['service.name'] ?? 'unknown'}`;
    for (const found of scopeSpans.flatMap(scope => scope.spans)) {
      const read = spanSchema.safeParse(found);
      if (read.success) spans.push(recordOf(by, read.data));
      else rejected += 1;
    }
  }
  return { spans, rejected };
}

function recordOf(by: string, span: z.output<typeof spanSchema>): SpanRecord {
  const { traceId, spanId, parentSpanId, name, startTimeUnixNano, endTimeUnixNano, events, links, status } = span;
  const { code, message = '' } = status;
  return {
    ...{ by, traceId, spanId },
    ...(parentSpanId && { parentSpanId }),
    ...{ name, kind: KINDS[span.kind]! },
    startMs: msOf(startTimeUnixNano),
    durationMs: msOf(endTimeUnixNano > startTimeUnixNano ? endTimeUnixNano - startTimeUnixNano : 0n),
    attributes: span.attributes,
    ...(events.length > 0 && {
      events: events.map(event => ({
        ...{ name: event.name, atMs: msOf(event.timeUnixNano) },
        ...(Object.keys(event.attributes).length > 0 && { attributes: event.attributes }),
      })),
    }),
    ...(links.length > 0 && { links }),
    ...(code === ERROR && { error: message }),
  };
}

/** Nanoseconds in ms, to the microsecond. */
function msOf(value: bigint): number {
  return Number(value / 1000n) / 1000;
}
