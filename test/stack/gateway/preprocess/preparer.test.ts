import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../../harness/clock.ts';
import { preprocessSchema } from '../../../../stack/preprocess/config.ts';
import { preprocessServer } from '../../../../stack/preprocess/server.ts';
import { until } from '../../../until.ts';
import { startReplica } from '../../inference/replica-process.ts';
import { startInside } from '../fixtures/gateway-inside.ts';
import { CHAT, settle, startInMemory } from '../merge/fixture.ts';

const config = { preprocess: { urls: ['http://one', 'http://two'] }, retries: 0 };

/** A gateway with two pools and one upstream, all in memory. */
function start(preprocess: object = {}) {
  const gateway = startInMemory({ ...config, preprocess: { ...config.preprocess, ...preprocess } });
  const respond = (nth: number, status: number, body: object, headers = {}) => {
    const { handler } = gateway.calls[nth]!;
    handler.onResponse(status, headers);
    handler.onData(Buffer.from(JSON.stringify(body)));
    handler.onEnd();
    return settle();
  };
  return { ...gateway, respond };
}

describe('a request', () => {
  test('is sent on as it was prepared', async () => {
    const { connect, calls, respond, metric } = start();
    connect();
    await settle();
    expect(calls[0]).toMatchObject({ path: '/v1/prepare', body: JSON.stringify(CHAT) });
    await respond(0, 200, { ...CHAT, prepared: true });
    expect(calls[1]).toMatchObject({ path: '/v1/chat/completions', body: JSON.stringify({ ...CHAT, prepared: true }) });
    expect(await metric('gateway_preprocess_requests_total{result="prepared"}')).toBe(1);
  });

  test('that is short passes by', async () => {
    const { connect, calls, metric } = start({ minBodyBytes: 1000 });
    connect();
    await settle();
    expect(calls.map(({ path }) => path)).toEqual(['/v1/chat/completions']);
    expect(await metric('gateway_preprocess_requests_total{result="bypassed"}')).toBe(1);
  });

  test.each([
    [503, { 'retry-after': '7' }, 503, 'preprocess_overloaded', '7'],
    [503, {}, 503, 'preprocess_overloaded', '1'],
    [500, {}, 503, 'preprocess_unavailable', '1'],
    [504, {}, 504, 'deadline_exceeded', undefined],
    [413, {}, 400, 'invalid_prompt', undefined],
  ])('for which the pool has a %i and %j gets a %i', async (status, headers, expected, code, wait) => {
    const { connect, respond, calls } = start();
    const client = connect();
    await settle();
    await respond(0, status, { error: {} }, headers);
    expect(client.response!.statusCode).toBe(expected);
    expect(JSON.parse(client.text)).toMatchObject({ error: { code } });
    expect([client.response!.headers['retry-after'], calls.length]).toEqual([wait, 1]);
  });

  test('tries another pool when one cannot be reached, and then no more', async () => {
    const { connect, calls, respond } = start();
    const [first, second] = [connect(), connect()];
    await settle();
    for (const nth of [0, 1]) calls[nth]!.handler.onError(new Error('refused'));
    await settle();
    expect(calls).toHaveLength(4);
    await respond(2, 200, CHAT);
    calls[3]!.handler.onError(new Error('refused'));
    await settle();
    expect([first, second].map(({ response }) => response?.statusCode)).toEqual([undefined, 503]);
  });

  test('that takes too long is cancelled, and its deadline goes with it', async () => {
    const { connect, calls, clock } = start({ timeoutMs: 1000 });
    const clients = [connect(), connect({ headers: { 'x-request-timeout-ms': '300' } })];
    await settle();
    const timeouts = calls.map(({ headers }) => headers[headers.indexOf('x-request-timeout-ms') + 1]);
    expect(timeouts).toEqual(['1000', '300']);
    await clock.advance(400);
    expect(clients.map(({ response }) => response?.statusCode)).toEqual([undefined, 504]);
    await clock.advance(700);
    expect(clients.map(({ response }) => response?.statusCode)).toEqual([503, 504]);
    expect(calls.every(({ isCancelled }) => isCancelled)).toBe(true);
  });

  test('whose client leaves is cancelled', async () => {
    const { connect, calls } = start();
    const client = connect();
    await settle();
    client.leave();
    await settle();
    expect(calls.map(({ isCancelled }) => isCancelled)).toEqual([true]);
  });

  test('is turned away while as many are being prepared as may be', async () => {
    const { connect, calls, respond } = start({ maxInFlight: 1 });
    connect();
    await settle();
    const second = connect();
    await settle();
    expect([second.response!.statusCode, calls.length]).toEqual([503, 1]);
    await respond(0, 200, CHAT);
    connect();
    await settle();
    expect(calls.map(({ path }) => path)).toEqual(['/v1/prepare', '/v1/chat/completions', '/v1/prepare']);
  });
});

test('over sockets: an overload is a 503 at once, a client that leaves frees its place, and short requests do not notice', async () => {
  const pool = preprocessSchema.parse({ workers: 1, baseMs: 0, microsPerCharacter: 1000, queue: { maxRequests: 2 } });
  const parts = {
    config: { ...pool, queue: { maxRequests: 2, maxWaitMs: 60_000 } },
    names: [],
    isDraining: () => false,
  };
  const { server, registry } = preprocessServer({ ...parts, clock: systemClock });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  await using replica = await startReplica({ timeScale: 1e6, model: 'tiny' });
  const urls = [`http://127.0.0.1:${(server.address() as AddressInfo).port}`];
  const preprocess = { urls, minBodyBytes: 1000, timeoutMs: 60_000 };
  const upstreams = [{ name: 'r', url: replica.url }];
  await using gateway = await startInside({ upstreams, preprocess }, systemClock);
  const send = (length: number, signal?: AbortSignal) => {
    const body = { model: 'tiny', max_tokens: 2, messages: [{ role: 'user', content: 'x'.repeat(length) }] };
    const init = { method: 'POST', body: JSON.stringify(body), ...(signal && { signal }) };
    return fetch(`${gateway.url}/v1/chat/completions`, init);
  };
  const gauge = async (name: string) => (await registry.getSingleMetric(name)!.get()).values[0]!.value;
  const leaving = new AbortController();
  // Prepared for two seconds, and before that 30 s for the one that leaves.
  const long = send(30_000, leaving.signal).catch(() => 'left');
  await until(async () => (await gauge('preprocess_busy_workers')) === 1);
  const waiting = [send(1000), send(1000)];
  await until(async () => (await gauge('preprocess_waiting')) === 2);
  const refused = await send(1000);
  expect(refused.status).toBe(503);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(20);
  expect((await send(10)).status).toBe(200);
  leaving.abort();
  expect(await long).toBe('left');
  // Within the time of their own, not after 30 s.
  expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200]);
  expect(await gauge('preprocess_waiting')).toBe(0);
  server.closeAllConnections();
  server.close();
}, 25_000);
