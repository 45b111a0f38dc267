import { describe, expect, test } from 'vitest';
import { type Call, CHAT, settle, tokenOf } from '../merge/fixture.ts';
import { cacheOf, DONE, finish, respond, STOP, start, WHOLE } from './fixture.ts';

describe('while upstreams fail', () => {
  async function withStale(failure: (call: Call) => void) {
    const started = start({ ttlMs: 1000, staleMs: 60_000 });
    const { calls, connect, clock } = started;
    connect();
    await settle();
    finish(calls[0]!);
    await settle();
    await clock.advance(5000);
    const client = connect();
    await settle();
    failure(calls[1]!);
    await settle();
    return { ...started, client };
  }

  test.each<[string, (call: Call) => void]>([
    ['breaks the connection', ({ handler }) => handler.onError(new Error('reset'))],
    ['responds with 503', call => respond(call, 503, 'no')],
    ['responds with 429', call => respond(call, 429)],
  ])('a stale response is sent, marked, when one %s', async (_name, failure) => {
    const { client, metric } = await withStale(failure);
    expect([client.response!.statusCode, client.text, client.complete]).toEqual([200, WHOLE, true]);
    expect(client.response!.headers).toMatchObject({
      'x-cache': 'stale',
      age: '5',
      warning: '110 - "Response is Stale"',
      'content-type': 'text/event-stream',
    });
    expect(await metric('gateway_cache_requests_total{result="stale"}')).toBe(1);
  });

  test.each<[string, (call: Call) => void, number]>([
    ['rejects the request', call => respond(call, 400, '{}'), 400],
    ['serves it', call => finish(call, `${tokenOf('new')}${STOP}${DONE}`), 200],
  ])('a stale response is not sent when an upstream %s', async (_name, reply, status) => {
    const { client } = await withStale(reply);
    expect([client.response!.statusCode, cacheOf(client)]).toEqual([status, 'miss']);
    expect(client.text).not.toBe(WHOLE);
  });

  test('a store that was too slow is asked once more', async () => {
    const { calls, connect, clock, store } = start({ ttlMs: 1000, staleMs: 60_000 });
    connect();
    await settle();
    finish(calls[0]!);
    await settle();
    await clock.advance(5000);
    store.mode = 'hangs';
    const clients = [connect(), connect(), connect(), connect()];
    await settle();
    await clock.advance(70);
    store.mode = 'up';
    await settle();
    // All four timed out in one pause of the store, after which it is not left alone.
    expect(calls).toHaveLength(5);
    for (const call of calls.slice(1)) call.handler.onError(new Error('reset'));
    await settle();
    for (const client of clients) expect([client.text, cacheOf(client)]).toEqual([WHOLE, 'stale']);
  });

  test('one that is too old is gone', async () => {
    const { calls, connect } = start();
    const client = connect();
    await settle();
    calls[0]!.handler.onError(new Error('reset'));
    await settle();
    expect([client.response!.statusCode, cacheOf(client)]).toEqual([502, 'miss']);
  });

  test('the configured text is the response, in the form of the request, and is not kept', async () => {
    const { calls, connect, store } = start({ fallback: { content: 'Later, please.' } });
    const random = { ...CHAT, temperature: 1 };
    const stream = connect({ body: random });
    const document = connect({ body: { ...random, stream: false } });
    const text = connect({ path: '/v1/completions', body: { model: 'tiny', prompt: 'hi', temperature: 0 } });
    const embeddings = connect({ path: '/v1/embeddings', body: { model: 'tiny', input: 'hi' } });
    await settle();
    for (const call of calls) call.handler.onError(new Error('reset'));
    await settle();
    expect(stream.text).toMatch(
      /^data: .*"delta":{"role":"assistant","content":"Later, please."}.*\n\ndata: .*"stop".*\n\ndata: \[DONE\]\n\n$/,
    );
    expect(JSON.parse(document.text)).toMatchObject({
      object: 'chat.completion',
      model: 'tiny',
      choices: [{ message: { content: 'Later, please.' } }],
    });
    expect(JSON.parse(text.text)).toMatchObject({
      object: 'text_completion',
      choices: [{ text: 'Later, please.', finish_reason: 'stop' }],
    });
    for (const { response } of [stream, document, text]) {
      expect(response!.headers).toMatchObject({ 'x-cache': 'fallback' });
      expect(response!.headers.warning).toMatch(/^199 /);
    }
    expect(embeddings.response!.statusCode).toBe(502);
    expect(store.entries.size).toBe(0);
  });
});
