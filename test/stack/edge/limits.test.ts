import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../harness/clock.ts';
import { until } from '../../until.ts';
import { errorCode, send } from './fixtures/http-client.ts';
import { noNginx, startEdge } from './fixtures/running-edge.ts';
import { json, startUpstream } from './fixtures/upstream.ts';

describe.skipIf(noNginx)(`rate limit per address ${noNginx || ''}`, () => {
  it('admits 1 + burst at once, rejects the rest with 429 and Retry-After, and recovers', async () => {
    await using upstream = await startUpstream();
    await using edge = await startEdge({ rateLimit: { perSecond: 1, burst: 5 } }, [upstream.address]);
    const responses = await Promise.all(Array.from({ length: 12 }, () => send(edge.url)));
    // At most one more is admitted while the twelve requests are in flight.
    const rejected = responses.filter(response => response.status === 429);
    expect(responses.length - rejected.length).toBeGreaterThanOrEqual(6);
    expect(responses.length - rejected.length).toBeLessThanOrEqual(7);
    expect(rejected.map(errorCode)).toEqual(rejected.map(() => 'rate_limit_exceeded'));
    expect(rejected.map(response => response.headers['retry-after'])).toEqual(rejected.map(() => '1'));
    // Another address has its own bucket.
    expect((await send(edge.url, { from: '127.0.0.2' })).status).toBe(200);
    await systemClock.sleep(1100);
    expect((await send(edge.url)).status).toBe(200);
  });

  it.each([
    { name: '100/s with burst 200', rateLimit: {} },
    { name: 'no limit', rateLimit: 'off' },
  ] as const)('rejects nothing below the burst: $name', async ({ rateLimit }) => {
    await using upstream = await startUpstream();
    await using edge = await startEdge({ rateLimit }, [upstream.address]);
    const responses = await Promise.all(Array.from({ length: 150 }, () => send(edge.url)));
    expect(responses.filter(response => response.status !== 200)).toEqual([]);
  });

  it('uses the forwarded address only from a trusted proxy', async () => {
    await using upstream = await startUpstream();
    const rateLimit = { perSecond: 1, burst: 0 };
    await using trusting = await startEdge({ rateLimit, trustedProxies: ['127.0.0.1/32'] }, [upstream.address]);
    await using untrusting = await startEdge({ rateLimit }, [upstream.address]);
    const both = async (url: string) => {
      const first = await send(url, { headers: { 'x-forwarded-for': '192.0.2.1' } });
      const second = await send(url, { headers: { 'x-forwarded-for': '192.0.2.2' } });
      return [first.status, second.status];
    };
    expect(await both(trusting.url)).toEqual([200, 200]);
    expect(await both(untrusting.url)).toEqual([200, 429]);
    expect(upstream.received.map(request => request.headers['x-forwarded-for'])).toEqual([
      '192.0.2.1, 192.0.2.1',
      '192.0.2.2, 192.0.2.2',
      '127.0.0.1',
    ]);
  });
});

describe.skipIf(noNginx)(`connection limit per address ${noNginx || ''}`, () => {
  it.each([
    { limit: 3, excess: 2 },
    { limit: 'off', excess: 0 },
  ] as const)('with the limit $limit rejects $excess of 5 concurrent requests', async ({ limit, excess }) => {
    const pending: (() => void)[] = [];
    await using upstream = await startUpstream((_, response) => void pending.push(() => json(response, 200, {})));
    await using edge = await startEdge({ maxConnectionsPerAddress: limit }, [upstream.address]);
    const responses = Array.from({ length: 5 }, () => send(edge.url));
    const rejected = responses.map(response => response.then(({ status }) => status === 429));
    await until(() => pending.length === 5 - excess);
    if (excess > 0) await Promise.race(rejected.map(async r => (await r) || new Promise(() => {})));
    for (const release of pending) release();
    const all = await Promise.all(responses);
    expect(all.filter(({ status }) => status === 429).map(errorCode)).toEqual(
      Array.from({ length: excess }, () => 'too_many_connections'),
    );
  });
});

describe.skipIf(noNginx)(`body limit ${noNginx || ''}`, () => {
  it('rejects only a larger body, with 413 in JSON', async () => {
    await using upstream = await startUpstream();
    await using edge = await startEdge({ maxBodyBytes: 1000 }, [upstream.address]);
    const post = (bytes: number) => send(edge.url, { method: 'POST', body: 'x'.repeat(bytes) });
    expect((await post(1000)).status).toBe(200);
    const rejected = await post(1001);
    expect([rejected.status, errorCode(rejected)]).toEqual([413, 'request_too_large']);
  });
});
