import { describe, expect, test } from 'vitest';
import { begin, CHAT, type Sent, settle, startInMemory, tokenOf } from './fixture.ts';

const [A, B, C] = [tokenOf('a'), tokenOf('b'), tokenOf('c')];

describe('identical concurrent requests', () => {
  test('share one call: a late one gets what was sent so far, and then follows', async () => {
    const { calls, connect, metric } = startInMemory({ merge: {} });
    const first = connect();
    await settle();
    begin(calls[0]!, A);
    calls[0]!.handler.onData(Buffer.from(B));
    await settle();
    const late = connect({ headers: { 'x-request-id': 'late' } });
    await settle();
    expect([first.text, late.text]).toEqual([A + B, A + B]);
    calls[0]!.handler.onData(Buffer.from(C));
    calls[0]!.handler.onEnd();
    await settle();
    expect(calls).toHaveLength(1);
    for (const { text, complete } of [first, late]) expect([text, complete]).toEqual([A + B + C, true]);
    expect(first.response!.headers['x-squall-merged']).toBeUndefined();
    expect(late.response!.headers).toMatchObject({
      'x-squall-merged': 'true',
      'x-squall-upstream': 'one',
      'x-request-id': 'late',
      'content-type': 'text/event-stream',
    });
    expect(await metric('gateway_merge_requests_total{result="joined"}')).toBe(1);
    expect(await metric('gateway_merge_kept_bytes')).toBe(0);
    // The next one begins anew.
    connect();
    await settle();
    expect(calls).toHaveLength(2);
  });

  test('share documents and trailers', async () => {
    const { calls, connect } = startInMemory({ merge: {} });
    const clients = [connect({ body: { ...CHAT, stream: false } }), connect({ body: { ...CHAT, stream: false } })];
    await settle();
    const body = '{"choices":[{"message":{"content":"hi"}}]}';
    calls[0]!.handler.onResponse(200, { 'content-type': 'application/json', trailer: 'x-sum' });
    calls[0]!.handler.onData(Buffer.from(body));
    calls[0]!.handler.onEnd({ 'x-sum': '7' });
    await settle();
    expect(calls).toHaveLength(1);
    for (const { text, response } of clients) expect([text, response!.trailers]).toEqual([body, { 'x-sum': '7' }]);
  });

  test('have the level at which the call was admitted', async () => {
    const { calls, connect } = startInMemory({ merge: {}, admission: {} });
    const clients = [connect(), connect()];
    await settle();
    begin(calls[0]!, A);
    await settle();
    expect(clients.map(({ response }) => response!.headers['x-priority'])).toEqual(['2', '2']);
  });

  test.each([{}, { merge: {} }])('do not get what an upstream says to its gateway only (%j)', async config => {
    const { calls, connect } = startInMemory(config);
    const client = connect();
    await settle();
    const own = {
      connection: 'Keep-Alive, X-Internal',
      'x-internal': 'secret',
      'x-squall-version': 'v9',
      'x-priority': '0',
      'x-other': 'open',
    };
    calls[0]!.handler.onResponse(200, { 'content-type': 'text/event-stream', ...own });
    calls[0]!.handler.onData(Buffer.from(A));
    await settle();
    expect(client.response!.headers['x-other']).toBe('open');
    for (const name of ['x-internal', 'x-squall-version', 'x-priority'])
      expect(client.response!.headers).not.toHaveProperty(name);
  });

  test('one who leaves does not end it for the others, the last one does', async () => {
    const { calls, connect, metric } = startInMemory({ merge: {} });
    const [first, second] = [connect(), connect()];
    await settle();
    begin(calls[0]!, A);
    await settle();
    first.leave();
    await settle();
    expect(calls[0]!.isCancelled).toBe(false);
    calls[0]!.handler.onData(Buffer.from(B));
    await settle();
    expect(second.text).toBe(A + B);
    second.leave();
    await settle();
    expect(calls[0]!.isCancelled).toBe(true);
    expect(await metric('gateway_merge_cancelled_total')).toBe(1);
    // Nobody joins what is cancelled.
    connect();
    await settle();
    expect(calls).toHaveLength(2);
  });

  test('a failure before the first byte is retried once for all, and reaches all if it remains', async () => {
    const { calls, connect, clock } = startInMemory({ merge: {}, retries: { maxRetries: 1, jitter: 'none' } });
    const clients = [connect(), connect(), connect()];
    await settle();
    calls[0]!.handler.onError(new Error('reset'));
    await settle();
    await clock.advance(100);
    expect(calls).toHaveLength(2);
    calls[1]!.handler.onError(new Error('reset'));
    await settle();
    for (const { response, text } of clients) {
      expect([response!.statusCode, JSON.parse(text).error.code]).toEqual([502, 'upstream_reset']);
      expect(response!.headers['x-squall-attempts']).toBe('2');
    }
  });

  test('a failure after the first byte ends each stream with an error', async () => {
    const { calls, connect } = startInMemory({ merge: {} });
    const clients = [connect(), connect()];
    await settle();
    begin(calls[0]!, A);
    calls[0]!.handler.onError(new Error('reset'));
    await settle();
    for (const { text, complete } of clients) {
      expect(text.startsWith(A)).toBe(true);
      expect(text).toContain('"code":"upstream_reset"');
      expect(complete).toBe(false);
    }
  });

  test("a client's own deadline ends its response only", async () => {
    const { calls, connect, clock } = startInMemory({ merge: {} });
    const hurried = connect({ headers: { 'x-request-timeout-ms': '500' } });
    const other = connect();
    await settle();
    await clock.advance(600);
    await settle();
    expect(hurried.response!.statusCode).toBe(504);
    expect(calls[0]!.isCancelled).toBe(false);
    begin(calls[0]!, A);
    calls[0]!.handler.onEnd();
    await settle();
    expect([other.text, other.complete]).toEqual([A, true]);
  });

  test('one that began too long ago, or has sent too much, is not joined', async () => {
    const { calls, connect, clock } = startInMemory({ merge: { windowMs: 1000, maxBytes: 1024 } });
    connect();
    await settle();
    await clock.advance(999);
    connect();
    await settle();
    expect(calls).toHaveLength(1);
    await clock.advance(100);
    connect();
    await settle();
    expect(calls).toHaveLength(2);
    begin(calls[1]!, tokenOf('x'.repeat(1024)));
    await settle();
    connect();
    await settle();
    expect(calls).toHaveLength(3);
  });

  test('a slow reader neither delays the others nor fills the memory: it is cut with an error', async () => {
    const maxBytes = 65_536;
    const { calls, connect, metric } = startInMemory({ merge: { maxBytes } });
    const fast = connect();
    const deaf = connect({ isDeaf: true });
    await settle();
    const piece = tokenOf('x'.repeat(10_000));
    begin(calls[0]!, piece);
    for (let sent = 1; sent < 100; sent += 1) {
      calls[0]!.handler.onData(Buffer.from(piece));
      await settle(3);
      expect(calls[0]!.isPaused).toBe(false);
      expect(await metric('gateway_merge_kept_bytes')).toBeLessThan(maxBytes + 2 * piece.length);
    }
    calls[0]!.handler.onEnd();
    await settle();
    expect([fast.text.length, fast.complete]).toEqual([100 * piece.length, true]);
    expect(await metric('gateway_merge_cut_total')).toBe(1);
    deaf.response!.on('data', chunk => (deaf.text += String(chunk)));
    await settle();
    expect(deaf.text.replace(/\n\ndata: {"error".*/s, '')).toBe(
      fast.text.slice(0, deaf.text.lastIndexOf('\n\ndata: {"error"')),
    );
    expect(deaf.text).toContain('"code":"reader_too_slow"');
    expect(deaf.complete).toBe(false);
  });

  test('an upstream waits when every client is slow', async () => {
    const { calls, connect } = startInMemory({ merge: {} });
    const clients = [connect({ isDeaf: true }), connect({ isDeaf: true })];
    await settle();
    const piece = tokenOf('x'.repeat(10_000));
    begin(calls[0]!, piece);
    let sent = 1;
    for (; sent < 100 && !calls[0]!.isPaused; sent += 1) {
      calls[0]!.handler.onData(Buffer.from(piece));
      await settle(3);
    }
    expect(sent).toBeLessThan(50);
    clients[0]!.response!.resume();
    await settle();
    expect(calls[0]!.isPaused).toBe(false);
  });
});

describe('what is not merged', () => {
  const other = (change: object): Sent => ({ body: { ...CHAT, ...change } });
  const random = { ...CHAT, temperature: 0.7 };
  const cases: [name: string, first: Sent, second: Sent, calls: number][] = [
    ['the same', {}, {}, 1],
    [
      'another order of keys, other senders',
      other({ user: 'a' }),
      { body: Object.fromEntries(Object.entries({ ...CHAT, user: 'b' }).reverse()) },
      1,
    ],
    ['another prompt', {}, other({ messages: [{ role: 'user', content: 'ho' }] }), 2],
    ['another seed', other({ seed: 1 }), other({ seed: 2 }), 2],
    ['a stream and a document', {}, other({ stream: false }), 2],
    ['another query', {}, { path: '/v1/chat/completions?a=1' }, 2],
    ['another media type', {}, { headers: { accept: 'application/json' } }, 2],
    ['random ones', { body: random }, { body: random }, 2],
    ['random ones with a seed', { body: { ...random, seed: 3 } }, { body: { ...random, seed: 3 } }, 1],
    [
      'random ones, allowed',
      { body: random, headers: { 'x-squall-reuse': 'allow' } },
      { body: random, headers: { 'x-squall-reuse': 'allow' } },
      1,
    ],
    ['one that wants its own', {}, { headers: { 'cache-control': 'no-cache' } }, 2],
  ];
  test.each(cases)('%s', async (_name, first, second, expected) => {
    const { calls, connect } = startInMemory({ merge: {} });
    connect(first);
    connect(second);
    await settle();
    expect(calls).toHaveLength(expected);
  });

  test('those that may go on at a lower level, with those that may not', async () => {
    const { calls, connect, clock } = startInMemory({ merge: {}, admission: { capacity: 1, reservedRatio: 0 } });
    connect(other({ seed: 1 }));
    await settle();
    const headers = { 'x-priority': '1' };
    const patient = connect({ headers: { ...headers, 'x-priority-downgrade': 'allow' } });
    const urgent = connect({ headers });
    await settle();
    await clock.advance(600);
    await settle();
    expect([urgent.response?.statusCode, patient.response]).toEqual([503, undefined]);
    expect(calls).toHaveLength(1);
  });

  test('requests with different API keys, unless configured', async () => {
    const { createHash } = await import('node:crypto');
    const apiKeyHashes = ['a', 'b'].map(key => createHash('sha256').update(key).digest('hex'));
    for (const [acrossKeys, expected] of [
      [false, 2],
      [true, 1],
    ] as const) {
      const { calls, connect } = startInMemory({ apiKeyHashes, merge: { acrossKeys } });
      for (const key of ['a', 'b', 'b']) connect({ headers: { authorization: `Bearer ${key}` } });
      await settle();
      expect(calls).toHaveLength(expected);
    }
  });

  test('anything while it is off', async () => {
    const { calls, connect, gateway } = startInMemory({});
    connect();
    connect();
    await settle();
    expect(calls).toHaveLength(2);
    expect(await gateway.metrics.registry.metrics()).not.toContain('gateway_merge');
  });

  test('an unknown value of the header is an error that names it', async () => {
    const { connect } = startInMemory({ merge: {} });
    const client = connect({ headers: { 'x-squall-reuse': 'maybe' } });
    await settle();
    expect([client.response!.statusCode, client.text.includes('x-squall-reuse')]).toEqual([400, true]);
  });
});
