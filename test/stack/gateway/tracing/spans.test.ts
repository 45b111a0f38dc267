import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../../harness/random.ts';
import { hexDigits } from '../../../../stack/gateway/http/trace-context.ts';
import { isSampled } from '../../../../stack/gateway/tracing/sampling.ts';
import { TestStore } from '../cache/fixture.ts';
import { begin, type Call, CHAT, settle, tokenOf } from '../merge/fixture.ts';
import { outline, startTraced } from './fixture.ts';

const REQUEST = 'POST /v1/chat/completions';
const END = `data: ${JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}\n\ndata: [DONE]\n\n`;

const headerOf = ({ headers }: Call, name: string) => headers[headers.indexOf(name) + 1];

function finish(call: Call): void {
  call.handler.onData(Buffer.from(END));
  call.handler.onEnd();
}

describe('the spans of a request', () => {
  test('that is retried are its attempts and the wait between them, and each attempt is the parent of what its upstream does', async () => {
    const retries = { maxRetries: 2, baseDelayMs: 400, maxDelayMs: 400, jitter: 'none' } as const;
    const { calls, connect, clock, spans, log } = startTraced({ retries });
    connect({ headers: { 'x-request-id': 'squall-run-7' } });
    await settle();
    await clock.advance(100);
    calls[0]!.handler.onError(new Error('reset'));
    await settle();
    await clock.advance(400);
    begin(calls[1]!, tokenOf('a'));
    await settle();
    await clock.advance(250);
    finish(calls[1]!);
    await settle();
    expect(outline(spans())).toEqual([
      `${REQUEST} 1000+750`,
      '  body 1000+0',
      '  chat tiny 1000+100 reset',
      '  backoff 1100+400',
      '  chat tiny 1500+250',
    ]);
    const [request, ...attempts] = ['server', 'client', 'client'].map(
      (kind, index) => spans().filter(span => span.kind === kind)[Math.max(0, index - 1)]!,
    );
    expect(request!.attributes).toMatchObject({
      'http.request.header.x-request-id': ['squall-run-7'],
      'http.response.status_code': 200,
      'http.route': '/v1/chat/completions',
      'gen_ai.request.model': 'tiny',
      'squall.attempts': 2,
    });
    expect(attempts.map(({ attributes }) => attributes['http.request.resend_count'])).toEqual([undefined, 1]);
    expect(attempts[0]!.attributes['error.type']).toBe('reset');
    expect(attempts[1]!.events).toEqual([{ name: 'first output', atMs: 1500 }]);
    expect(calls.map(call => headerOf(call, 'traceparent'))).toEqual(
      attempts.map(({ traceId, spanId }) => `00-${traceId}-${spanId}-01`),
    );
    // The log's line of the request is about the same span, and says that it took as long.
    expect(log()[0]).toMatchObject({ traceId: request!.traceId, spanId: request!.spanId, durationMs: 750 });
  });

  test('that continues the trace of its caller have the span of the caller above them', async () => {
    const { calls, connect, spans } = startTraced({});
    const [traceId, parent] = ['ab'.repeat(16), 'cd'.repeat(8)];
    connect({ headers: { traceparent: `00-${traceId}-${parent}-00` } });
    await settle();
    begin(calls[0]!, tokenOf('a'));
    finish(calls[0]!);
    await settle();
    expect(new Set(spans().map(span => span.traceId))).toEqual(new Set([traceId]));
    expect(spans().find(({ kind }) => kind === 'server')!.parentSpanId).toBe(parent);
    expect(headerOf(calls[0]!, 'traceparent')).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
  });

  test('that waits are its wait, for admission and for an upstream', async () => {
    const { calls, connect, clock, spans, log } = startTraced({ admission: { capacity: 1 } });
    connect();
    await settle();
    connect();
    await settle();
    await clock.advance(300);
    begin(calls[0]!, tokenOf('a'));
    finish(calls[0]!);
    await settle();
    begin(calls[1]!, tokenOf('b'));
    finish(calls[1]!);
    await settle();
    const waited = spans().filter(({ traceId }) => traceId === log()[1]!.traceId);
    expect(outline(waited)).toEqual([
      `${REQUEST} 1000+300`,
      '  body 1000+0',
      '  admission 1000+300',
      '  chat tiny 1300+0',
    ]);
    expect(log()[1]).toMatchObject({ queuedMs: 300, durationMs: 300 });
  });

  test('that is prepared is the time of that, also of one that is turned away', async () => {
    const { calls, connect, clock, spans } = startTraced({ preprocess: { urls: ['http://pool'] } });
    connect();
    await settle();
    await clock.advance(80);
    calls[0]!.handler.onResponse(200, {});
    calls[0]!.handler.onData(Buffer.from(JSON.stringify(CHAT)));
    calls[0]!.handler.onEnd();
    await settle();
    begin(calls[1]!, tokenOf('a'));
    finish(calls[1]!);
    await settle();
    connect();
    await settle();
    calls[2]!.handler.onResponse(503, { 'retry-after': '1' });
    calls[2]!.handler.onEnd();
    await settle();
    expect(outline(spans())).toEqual([
      `${REQUEST} 1000+80`,
      '  body 1000+0',
      '  preprocess 1000+80',
      '  chat tiny 1080+0',
      `${REQUEST} 1080+0 preprocess_overloaded`,
      '  body 1080+0',
      '  preprocess 1080+0 preprocess_overloaded',
    ]);
  });

  test('that is rejected while it waits, that is cut, and that its client leaves say so', async () => {
    const { calls, connect, clock, spans } = startTraced({
      admission: { capacity: 1, levels: { normal: { maxWaitMs: 200 } } },
      retries: 0,
    });
    connect();
    await settle();
    connect();
    await settle();
    await clock.advance(250);
    begin(calls[0]!, tokenOf('a'));
    await settle();
    calls[0]!.handler.onError(new Error('reset'));
    await settle();
    const gone = connect();
    await settle();
    await clock.advance(50);
    gone.leave();
    await settle();
    const lines = outline(spans()).map(line => line.replace(/ \d+\+\d+/, ''));
    expect(lines.filter(line => !line.includes('body'))).toEqual([
      `${REQUEST} admission_timeout`,
      '  admission timeout',
      `${REQUEST} reset`,
      '  chat tiny reset',
      `${REQUEST} client-disconnected`,
      '  chat tiny client-disconnected',
    ]);
  });

  test('that is merged wait for the one that the call belongs to', async () => {
    const { calls, connect, clock, spans, log } = startTraced({ merge: {} });
    connect();
    await settle();
    await clock.advance(100);
    connect();
    await settle();
    begin(calls[0]!, tokenOf('a'));
    await settle();
    await clock.advance(200);
    finish(calls[0]!);
    await settle();
    expect(calls).toHaveLength(1);
    const [first, second] = log().map(({ traceId }) => spans().filter(span => span.traceId === traceId));
    expect(outline(first!)).toEqual([
      `${REQUEST} 1000+300`,
      '  body 1000+0',
      '  shared call 1000+300',
      '    chat tiny 1000+300',
    ]);
    expect(outline(second!)).toEqual([`${REQUEST} 1100+200`, '  body 1100+0', '  merged 1100+200']);
    const { traceId, spanId } = first!.find(({ name }) => name === 'shared call')!;
    expect(second!.find(({ name }) => name === 'merged')!.links).toEqual([{ traceId, spanId }]);
  });

  test('that the cache serves has no attempt', async () => {
    const { calls, connect, clock, spans, log } = startTraced(
      { cache: { redis: { url: 'redis://x' } } },
      {},
      new TestStore(),
    );
    connect();
    await settle();
    begin(calls[0]!, tokenOf('a'));
    finish(calls[0]!);
    await settle();
    await clock.advance(500);
    connect();
    await settle();
    expect(calls).toHaveLength(1);
    const second = spans().filter(({ traceId }) => traceId === log()[1]!.traceId);
    expect(outline(second)).toEqual([`${REQUEST} 1500+0`, '  body 1500+0', '  shared call 1500+0', '    cache 1500+0']);
    expect(second.find(({ kind }) => kind === 'server')!.attributes['squall.cache']).toBe('hit');
  });
});

describe('what is kept', () => {
  test('are failed and slow requests, whatever the ratio', async () => {
    const { calls, connect, clock, spans, metric, log } = startTraced({}, { ratio: 0, slowMs: 500 });
    const serve = async (afterMs: number) => {
      connect();
      await settle();
      await clock.advance(afterMs);
      begin(calls.at(-1)!, tokenOf('a'));
      finish(calls.at(-1)!);
      await settle();
    };
    await serve(499);
    await serve(500);
    connect({ body: { ...CHAT, model: 7 } });
    await settle();
    const [, slow, bad] = log();
    expect(new Set(spans().map(({ traceId }) => traceId))).toEqual(new Set([slow!.traceId, bad!.traceId]));
    expect(await metric('gateway_tracing_spans_total{result="unsampled"}')).toBe(3);
    expect(await metric('gateway_tracing_open_spans')).toBe(0);
  });

  test('of the others is the ratio, the same at every gateway', () => {
    const random = seededRandom(3);
    const ids = Array.from({ length: 20_000 }, () => hexDigits(random, 4));
    const kept = ids.filter(id => isSampled(id, 1, { slowMs: 10, ratio: 0.1 }));
    // Binomial: 2,000 ± 42 (one σ); five of them.
    expect(Math.abs(kept.length - 2000)).toBeLessThan(212);
    expect(ids.filter(id => isSampled(id, 1, { slowMs: 10, ratio: 1 }))).toHaveLength(20_000);
    // A lower ratio keeps a part of the same.
    const fewer = ids.filter(id => isSampled(id, 1, { slowMs: 10, ratio: 0.05 }));
    expect(fewer.filter(id => !kept.includes(id))).toEqual([]);
  });

  test('is bounded: requests that begin while too many spans are open are served without', async () => {
    const { calls, connect, spans, metric } = startTraced({}, { maxOpenSpans: 3 });
    const clients = [connect(), connect(), connect()];
    await settle();
    for (const call of calls) {
      begin(call, tokenOf('a'));
      finish(call);
    }
    await settle();
    expect(clients.map(({ complete }) => complete)).toEqual([true, true, true]);
    expect(spans().filter(({ kind }) => kind === 'server').length).toBeLessThan(3);
    expect(await metric('gateway_tracing_spans_total{result="overflow"}')).toBeGreaterThan(0);
    expect(await metric('gateway_tracing_open_spans')).toBe(0);
  });
});
