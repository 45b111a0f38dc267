import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { begin, CHAT, settle, tokenOf } from '../merge/fixture.ts';
import { cacheOf, DOCUMENT, DONE, finish, respond, STOP, start, WHOLE } from './fixture.ts';

describe('a response that is kept', () => {
  test('is sent again, byte for byte and as the stream that it was, with its age', async () => {
    const { calls, connect, clock, store, metric } = start();
    const first = connect();
    await settle();
    finish(calls[0]!);
    await settle();
    await clock.advance(12_000);
    const second = connect({ body: Object.fromEntries(Object.entries(CHAT).reverse()) });
    await settle();
    expect(calls).toHaveLength(1);
    for (const { text, complete, response } of [first, second]) {
      expect([text, complete]).toEqual([WHOLE, true]);
      expect(response!.headers['content-type']).toBe('text/event-stream');
    }
    expect([cacheOf(first), cacheOf(second), second.response!.headers.age]).toEqual(['miss', 'hit', '12']);
    expect([...store.entries.values()].map(({ ttlMs }) => ttlMs)).toEqual([600_000]);
    expect(await metric('gateway_cache_requests_total{result="hit"}')).toBe(1);
    // A document is another request.
    connect({ body: { ...CHAT, stream: false } });
    await settle();
    expect(calls).toHaveLength(2);
  });

  test('is that of the version that it is kept for, not of one that stood in for it', async () => {
    const { calls, connect } = start(
      {},
      {
        upstreams: [
          { name: 'one', url: 'http://one', version: 'v1' },
          { name: 'two', url: 'http://two', version: 'v2' },
        ],
        bulkhead: { perUpstream: 1 },
        release: { routes: [{ model: 'tiny', versions: [{ name: 'v1', weight: 1 }, { name: 'v2' }] }] },
      },
    );
    connect({ body: { ...CHAT, seed: 1 } });
    await settle();
    // There is no room at the first version.
    const first = connect();
    await settle();
    finish(calls[1]!);
    await settle();
    expect(first.response!.headers['x-squall-version']).toBe('v2');
    finish(calls[0]!);
    await settle();
    const second = connect();
    await settle();
    finish(calls[2]!);
    await settle();
    expect([cacheOf(second), second.response!.headers['x-squall-version']]).toEqual(['miss', 'v1']);
    const third = connect();
    await settle();
    expect([cacheOf(third), third.response!.headers['x-squall-version']]).toEqual(['hit', 'v1']);
  });

  test('cannot be read in the store', async () => {
    const { calls, connect, store } = start();
    connect();
    await settle();
    finish(calls[0]!, tokenOf('secret-text') + STOP + DONE);
    await settle();
    const [[name, { value }] = ['', { value: Buffer.alloc(0) }]] = store.entries;
    expect(value.length).toBeGreaterThan(100);
    for (const bytes of [name, value.toString('latin1')]) expect(bytes).not.toMatch(/secret|hi|choices|anonymous/);
  });

  test('belongs to an API key, unless configured, and opens for no other even under its name', async () => {
    const apiKeyHashes = ['a', 'b'].map(key => createHash('sha256').update(key).digest('hex'));
    const as = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });
    for (const [acrossKeys, expected] of [
      [false, 'miss'],
      [true, 'hit'],
    ] as const) {
      const { calls, connect, store, metric } = start({ acrossKeys }, { apiKeyHashes });
      connect(as('a'));
      await settle();
      finish(calls[0]!);
      await settle();
      const stolen = [...store.entries.values()][0]!;
      const other = connect(as('b'));
      await settle();
      if (calls[1]) finish(calls[1]);
      await settle();
      expect(cacheOf(other)).toBe(expected);
      if (acrossKeys) continue;
      for (const name of store.entries.keys()) store.entries.set(name, stolen);
      const thief = connect(as('b'));
      await settle();
      expect(calls).toHaveLength(3);
      finish(calls[2]!);
      await settle();
      expect([cacheOf(thief), await metric('gateway_cache_unreadable_total')]).toEqual(['miss', 1]);
    }
  });

  test('is fresh for its time to live; when it ends, one call serves all who come meanwhile', async () => {
    const { calls, connect, clock, store } = start({ ttlMs: 10_000, staleMs: 60_000 }, { merge: {} });
    connect();
    await settle();
    finish(calls[0]!);
    await settle();
    expect([...store.entries.values()][0]!.ttlMs).toBe(70_000);
    await clock.advance(9_999);
    const last = connect();
    await settle();
    expect([cacheOf(last), calls.length]).toEqual(['hit', 1]);
    await clock.advance(1);
    const crowd = Array.from({ length: 50 }, () => connect());
    await settle();
    expect(calls).toHaveLength(2);
    finish(calls[1]!);
    // Those who come while it is being stored join, too.
    crowd.push(connect());
    await settle();
    expect(calls).toHaveLength(2);
    for (const client of crowd) expect([client.text, client.complete]).toEqual([WHOLE, true]);
  });

  test.each([
    ['no-cache', 'bypass', 2, 1],
    ['max-age=0', 'bypass', 2, 1],
    ['no-store', 'bypass', 2, 0],
  ])('is not sent to a client that sends cache-control: %s', async (control, result, expectedCalls, stored) => {
    const { calls, connect, store } = start();
    connect();
    await settle();
    finish(calls[0]!);
    await settle();
    store.entries.clear();
    const client = connect({ headers: { 'cache-control': control } });
    await settle();
    finish(calls[1]!);
    await settle();
    expect([cacheOf(client), calls.length, store.entries.size]).toEqual([result, expectedCalls, stored]);
  });
});

describe('a response that is not kept', () => {
  const json = { 'content-type': 'application/json' };
  const events = { 'content-type': 'text/event-stream' };
  const cases: [name: string, status: number, headers: Record<string, string>, body: string, kept: number][] = [
    ['a whole document', 200, json, DOCUMENT, 1],
    ['a whole stream', 200, events, WHOLE, 1],
    ['another status', 400, json, '{"error":{"message":"no"}}', 0],
    ['a stream without its end', 200, events, tokenOf('a') + STOP, 0],
    ['a stream without a finish reason', 200, events, tokenOf('a') + DONE, 0],
    ['an engine that gave up', 200, events, tokenOf('a') + STOP.replace('stop', 'abort') + DONE, 0],
    ['an error in a stream', 200, events, `${tokenOf('a')}data: {"error":{"message":"no"}}\n\n${DONE}`, 0],
    [
      'one choice of two that has not ended',
      200,
      events,
      tokenOf('a').replace('"index":0', '"index":1') + STOP + DONE,
      0,
    ],
    ['a document that broke off', 200, json, DOCUMENT.slice(0, 30), 0],
    ['a cookie', 200, { ...json, 'set-cookie': 'a=b' }, DOCUMENT, 0],
    ['one that its upstream forbids to keep', 200, { ...json, 'cache-control': 'private' }, DOCUMENT, 0],
    ['an encoded one', 200, { ...json, 'content-encoding': 'br' }, DOCUMENT, 0],
    ['one that is too long', 200, json, DOCUMENT.replace('hi', 'x'.repeat(2000)), 0],
  ];
  test.each(cases)('%s', async (_name, status, headers, body, kept) => {
    const { calls, connect, store } = start({ maxEntryBytes: 1500 });
    connect({ body: { ...CHAT, stream: headers === events } });
    await settle();
    respond(calls[0]!, status, body, headers);
    await settle();
    expect(store.entries.size).toBe(kept);
  });

  test('a stream that breaks off, and one whose client leaves', async () => {
    const { calls, connect, store } = start();
    connect();
    await settle();
    begin(calls[0]!, tokenOf('a'));
    calls[0]!.handler.onError(new Error('reset'));
    const leaver = connect();
    await settle();
    begin(calls[1]!, tokenOf('a'));
    await settle();
    leaver.leave();
    await settle();
    expect([calls[1]!.isCancelled, store.entries.size]).toEqual([true, 0]);
  });

  test('that to a random request, unless it allows it', async () => {
    const { calls, connect, store } = start();
    const body = { ...CHAT, temperature: 1 };
    const client = connect({ body });
    await settle();
    finish(calls[0]!);
    await settle();
    expect([cacheOf(client), store.entries.size]).toEqual(['bypass', 0]);
    connect({ body, headers: { 'x-squall-reuse': 'allow' } });
    await settle();
    finish(calls[1]!);
    await settle();
    expect(store.entries.size).toBe(1);
  });
});

describe('a store that is', () => {
  test('down costs no time', async () => {
    const { calls, connect, store, metric } = start();
    store.mode = 'down';
    const client = connect();
    await settle();
    expect(calls).toHaveLength(1);
    finish(calls[0]!);
    await settle();
    expect([client.complete, cacheOf(client)]).toEqual([true, 'bypass']);
    expect(await metric('gateway_cache_store_failures_total{reason="error"}')).toBe(2);
  });

  test('slow costs three requests its timeout, then one request a second', async () => {
    const { calls, connect, clock, store, metric } = start();
    store.mode = 'hangs';
    for (let nth = 0; nth < 3; nth += 1) {
      connect();
      await settle();
      expect(calls).toHaveLength(nth);
      // 50 ms, which deadlines notice at most 20 ms late.
      await clock.advance(70);
      await settle();
      expect(calls).toHaveLength(nth + 1);
    }
    expect(store.reconnects).toBe(1);
    for (let nth = 4; nth < 10; nth += 1) {
      connect();
      await settle();
      expect(calls).toHaveLength(nth);
    }
    expect(await metric('gateway_cache_store_failures_total{reason="down"}')).toBe(6);
    store.mode = 'up';
    await clock.advance(1000);
    const asked = store.asked;
    connect();
    await settle();
    expect([store.asked, calls.length]).toEqual([asked + 1, 10]);
  });
});
