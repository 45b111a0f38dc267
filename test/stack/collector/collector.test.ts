import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SpanStatusCode } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import * as names from '@opentelemetry/semantic-conventions/incubating';
import { describe, expect, test } from 'vitest';
import type { SpanRecord } from '../../../harness/tracing/span.ts';
import { Collector } from '../../../stack/collector/collector.ts';
import { collectorConfigSchema } from '../../../stack/collector/config.ts';
import { readSpans } from '../../../stack/collector/otlp.ts';

/** What the collector says. */
interface Body {
  readonly message?: string;
  readonly partialSuccess?: { readonly rejectedSpans: string };
}

async function start(config: { readonly maxBytes?: number; readonly maxBodyBytes?: number } = {}) {
  const spans: SpanRecord[] = [];
  const collector = new Collector({ config: collectorConfigSchema.parse(config), keep: span => spans.push(span) });
  const server = createServer((request, response) => void collector.handle(request, response));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`;
  const post = async (body: string, headers: Record<string, string> = { 'content-type': 'application/json' }) => {
    const response = await fetch(url, { method: 'POST', body, headers });
    return { status: response.status, body: (await response.json()) as Body };
  };
  return { url, spans, post, [Symbol.dispose]: () => void server.close() };
}

/** A request in JSON of protobuf as OTLP has it: ids in hex, 64-bit integers as texts, enumerations as numbers. */
const WRITTEN = {
  resourceSpans: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }], droppedAttributesCount: 0 },
      scopeSpans: [
        {
          scope: { name: 'by hand', version: '1.0.0' },
          spans: [
            {
              traceId: '0AF7651916CD43DD8448EB211C80319C',
              spanId: 'b7ad6b7169203331',
              parentSpanId: '00f067aa0ba902b7',
              flags: 257,
              name: 'charge',
              kind: 3,
              startTimeUnixNano: '1800000000123456789',
              endTimeUnixNano: '1800000000125456789',
              attributes: [
                { key: 'text', value: { stringValue: 'a' } },
                { key: 'whole', value: { intValue: '-9' } },
                { key: 'number', value: { doubleValue: 0.5 } },
                { key: 'flag', value: { boolValue: false } },
                { key: 'list', value: { arrayValue: { values: [{ intValue: 1 }, { stringValue: 'b' }] } } },
                { key: 'nested', value: { kvlistValue: { values: [] } } },
              ],
              events: [
                { timeUnixNano: '1800000000124000000', name: 'sent', attributes: [], droppedAttributesCount: 0 },
              ],
              links: [{ traceId: '0af7651916cd43dd8448eb211c80319d', spanId: 'b7ad6b7169203332', attributes: [] }],
              status: { code: 2, message: 'declined' },
              fieldOfLaterVersions: true,
            },
          ],
        },
      ],
    },
  ],
};

const READ: SpanRecord = {
  by: 'shop',
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  parentSpanId: '00f067aa0ba902b7',
  name: 'charge',
  kind: 'client',
  startMs: 1_800_000_000_123.456,
  durationMs: 2,
  attributes: { text: 'a', whole: -9, number: 0.5, flag: false, list: [1, 'b'] },
  events: [{ name: 'sent', atMs: 1_800_000_000_124 }],
  links: [{ traceId: '0af7651916cd43dd8448eb211c80319d', spanId: 'b7ad6b7169203332' }],
  error: 'declined',
};

/** The same with a field of its span replaced. */
const withField = (name: string, value: unknown) => {
  const copy = structuredClone(WRITTEN);
  Object.assign(copy.resourceSpans[0]!.scopeSpans[0]!.spans[0]!, { [name]: value });
  return JSON.stringify(copy);
};

describe('the collector', () => {
  test('reads every field that it keeps, in the form of the specification', async () => {
    using collector = await start();
    expect(await collector.post(JSON.stringify(WRITTEN))).toEqual({ status: 200, body: {} });
    expect(collector.spans).toEqual([READ]);
  });

  test('takes what the official exporter sends, compressed or not', async () => {
    for (const compression of ['none', 'gzip'] as const) {
      using collector = await start();
      const exporter = new OTLPTraceExporter({ url: collector.url, compression: compression as never });
      const resource = resourceFromAttributes({ 'service.name': 'shop', 'service.instance.id': 'shop-1' });
      const provider = new TracerProvider({ resource, spanProcessors: [new SimpleSpanProcessor({ exporter })] });
      const span = provider.getTracer('test').startSpan('order', { startTime: [1_800_000_000, 1_500_000] });
      span.setAttribute('items', 3).setStatus({ code: SpanStatusCode.ERROR, message: 'sold out' });
      span.end([1_800_000_000, 4_000_000]);
      await provider.forceFlush();
      await provider.shutdown();
      const { traceId, spanId } = span.spanContext();
      expect(collector.spans).toEqual([
        {
          ...{ by: 'shop-1', traceId, spanId, name: 'order', kind: 'internal' },
          ...{ startMs: 1_800_000_000_001.5, durationMs: 2.5, attributes: { items: 3 }, error: 'sold out' },
        },
      ]);
    }
  });

  test.each([
    ['traceId', '0af7'],
    ['traceId', '0'.repeat(32)],
    ['spanId', 'b7ad6b716920333g'],
    ['name', 5],
    ['kind', 9],
    ['startTimeUnixNano', '-1'],
    ['endTimeUnixNano', '99999999999999999999'],
  ])('rejects a span whose %s is %s, and says so', (name, value) => {
    expect(readSpans(withField(name, value))).toEqual({ spans: [], rejected: 1 });
  });

  test('tells its sender how many spans it had no room for', async () => {
    using collector = await start({ maxBytes: 700 });
    await collector.post(JSON.stringify(WRITTEN));
    const { status, body } = await collector.post(JSON.stringify(WRITTEN));
    expect([status, body.partialSuccess?.rejectedSpans, collector.spans.length]).toEqual([200, '1', 1]);
  });

  test('refuses what is no such request, with the reason', async () => {
    using collector = await start({ maxBodyBytes: 4096 });
    const refusals = [
      [await collector.post('{'), 400, /JSON/],
      [await collector.post('{"resourceSpans":5}'), 400, /^`resourceSpans`: .*array/],
      [await collector.post('x'.repeat(5000)), 413, /4096/],
      [await collector.post('', { 'content-type': 'application/x-protobuf' }), 415, /got "application\/x-protobuf"/],
      [
        await collector.post('no gzip', { 'content-type': 'application/json', 'content-encoding': 'gzip' }),
        400,
        /header/,
      ],
    ] as const;
    for (const [{ status, body }, expected, message] of refusals) {
      expect(status).toBe(expected);
      expect(body.message).toMatch(message);
    }
    expect(collector.spans).toEqual([]);
  });
});

test('attributes of the gateway have the names of the semantic conventions', async () => {
  const { readFileSync } = await import('node:fs');
  const files = ['tracing/request-attributes.ts', 'forward/forward.ts', 'tracing/tracing.ts'];
  const text = files.map(file => readFileSync(new URL(`../../../stack/gateway/${file}`, import.meta.url), 'utf8'));
  const used = new Set(text.join('').match(/'(?:http|url|server|network|user_agent|error|gen_ai|service)\.[a-z_.]+'/g));
  const published = new Set<unknown>(Object.values(names));
  expect(used.size).toBeGreaterThan(12);
  expect([...used].map(name => name.slice(1, -1)).filter(name => !published.has(name))).toEqual([]);
});
