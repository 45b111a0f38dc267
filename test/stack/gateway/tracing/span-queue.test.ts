import pino from 'pino';
import { describe, expect, test } from 'vitest';
import { systemNetwork } from '../../../../harness/host/network.ts';
import { seededRandom } from '../../../../harness/random.ts';
import { readSpans } from '../../../../stack/collector/otlp.ts';
import type { TracingConfig } from '../../../../stack/gateway/tracing/config.ts';
import { prepareTracing } from '../../../../stack/gateway/tracing/open-tracing.ts';
import { parseHeaders } from '../../../../stack/gateway/tracing/span-queue.ts';
import { FakeClock } from '../../../fake-clock.ts';
import { begin, settle, startInMemory, tokenOf } from '../merge/fixture.ts';
import { ALL } from './fixture.ts';

/** What an endpoint does with a request. */
type Endpoint = (body: string, init: RequestInit) => Response | Promise<Response>;

/** A gateway in memory that sends its spans to `endpoint`. */
function start(endpoint: Endpoint, config: Partial<TracingConfig> = {}, environment = {}) {
  const clock = new FakeClock(1000);
  const sent: { readonly atMs: number; readonly spans: number; readonly headers: unknown }[] = [];
  const fetch = async (_url: unknown, init: RequestInit = {}) => {
    const body = Buffer.from(init.body as Uint8Array).toString('utf8');
    sent.push({ atMs: clock.nowMs(), spans: readSpans(body).spans.length, headers: init.headers });
    return endpoint(body, init);
  };
  const network = { ...systemNetwork, fetch: fetch as typeof globalThis.fetch };
  const random = seededRandom(2);
  const log = pino({ enabled: false });
  const tracing = prepareTracing({ ...ALL, ...config }, 'gateway-1', { clock, network, random, environment }, log);
  const started = startInMemory({}, undefined, undefined, { clock, tracing });
  const serve = async () => {
    const client = started.connect();
    await settle();
    const call = started.calls.at(-1)!;
    begin(call, tokenOf('a'));
    call.handler.onData(Buffer.from('data: [DONE]\n\n'));
    call.handler.onEnd();
    await settle();
    return client;
  };
  const results = async () => {
    const names = ['sent', 'overflow', 'rejected', 'undelivered'] as const;
    const counts = names.map(name => started.metric(`gateway_tracing_spans_total{result="${name}"}`));
    return Object.fromEntries((await Promise.all(counts)).map((count, index) => [names[index], count]));
  };
  return { ...started, clock, sent, serve, results };
}

const NONE = { sent: 0, overflow: 0, rejected: 0, undelivered: 0 };

describe('an endpoint', () => {
  test('gets the spans of an interval together, with the headers of the environment', async () => {
    const { clock, sent, serve, results } = start(
      () => Response.json({}),
      {},
      { OTEL_EXPORTER_OTLP_HEADERS: 'key=a%20b' },
    );
    await serve();
    await serve();
    await clock.advance(999);
    expect(sent).toEqual([]);
    await clock.advance(1);
    // Each request has a span, with one of its body and one of its attempt.
    expect(sent).toEqual([{ atMs: 2000, spans: 6, headers: { key: 'a b', 'content-type': 'application/json' } }]);
    expect(await results()).toEqual({ ...NONE, sent: 6 });
  });

  test('that never responds neither slows nor fails a request, and what there is no room for is counted', async () => {
    const hangs: Endpoint = (_, { signal }) =>
      new Promise((_resolve, reject) => signal!.addEventListener('abort', () => reject(signal!.reason)));
    const { clock, sent, serve, results, metric } = start(hangs, { maxQueuedSpans: 30, timeoutMs: 5000 });
    for (let request = 0; request < 60; request += 1) {
      const startMs = clock.nowMs();
      const client = await serve();
      expect([client.complete, client.response!.statusCode]).toEqual([true, 200]);
      // The clock stands still while a request is served: it waits for nothing.
      expect(clock.nowMs()).toBe(startMs);
      await clock.advance(100);
    }
    expect(sent.length).toBeGreaterThan(0);
    const { overflow } = await results();
    const queued = await metric('gateway_tracing_queued_spans');
    expect(queued).toBe(30);
    // What is on its way is the first interval's.
    expect(overflow + queued + sent[0]!.spans).toBe(180);
  });

  test('that is down for a while gets the spans then, after a growing wait; down for longer, they are lost and counted', async () => {
    let isUp = false;
    const { clock, sent, serve, results } = start(() => (isUp ? Response.json({}) : new Response('', { status: 503 })));
    await serve();
    await clock.advance(5000);
    expect(sent.length).toBeGreaterThanOrEqual(3);
    isUp = true;
    await clock.advance(10_000);
    expect(await results()).toEqual({ ...NONE, sent: 3 });
    const gaps = sent.slice(1).map(({ atMs }, index) => atMs - sent[index]!.atMs);
    for (const [index, gap] of gaps.entries()) {
      expect(gap).toBeGreaterThanOrEqual(500 * 2 ** index);
      expect(gap).toBeLessThanOrEqual(1000 * 2 ** index);
    }
    isUp = false;
    await serve();
    await clock.advance(60_000);
    expect(await results()).toEqual({ ...NONE, sent: 3, undelivered: 3 });
  });

  test('is not asked again after a refusal, and is waited for as long as it says', async () => {
    const responses = [
      new Response('', { status: 400 }),
      Response.json({ partialSuccess: { rejectedSpans: '2', errorMessage: 'no' } }),
      new Response('', { status: 429, headers: { 'retry-after': '20' } }),
    ];
    const { clock, sent, serve, results } = start(() => responses.shift() ?? Response.json({}));
    for (let request = 0; request < 3; request += 1) {
      await serve();
      await clock.advance(10_000);
    }
    expect(await results()).toEqual({ ...NONE, sent: 1, rejected: 5 });
    await clock.advance(20_000);
    expect(await results()).toEqual({ ...NONE, sent: 4, rejected: 5 });
    expect(sent.at(-1)!.atMs - sent.at(-2)!.atMs).toBe(20_000);
  });

  test('gets the last spans of a gateway that stops, which waits for it a second at most', async () => {
    const up = start(() => Response.json({}));
    await up.serve();
    await up.gateway[Symbol.asyncDispose]();
    expect(await up.results()).toEqual({ ...NONE, sent: 3 });
    const hung = start(() => new Promise<Response>(() => {}));
    await hung.serve();
    const stopping = hung.gateway[Symbol.asyncDispose]();
    await hung.clock.advance(1000);
    await stopping;
    expect(hung.sent).toHaveLength(1);
  });
});

test('headers are pairs, and an error tells none of their values', () => {
  expect(parseHeaders(undefined)).toEqual({});
  expect(parseHeaders(' a=1, x-key = b%2Cc ')).toEqual({ a: '1', 'x-key': 'b,c' });
  expect(() => parseHeaders('a=1,secret')).toThrow(/^Expected name=value, got something else as pair 2$/);
});
