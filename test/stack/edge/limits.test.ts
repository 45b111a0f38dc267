import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../harness/clock.ts';
import { until } from '../../until.ts';
import { ask, errorCode } from './fixtures/ask.ts';
import { noNginx, startEdge } from './fixtures/running-edge.ts';
import { json, startUpstream } from './fixtures/upstream.ts';

describe.skipIf(noNginx)(`rate limit per address ${noNginx || ''}`, () => {
  it('lets 1 + burst through at once, answers 429 with Retry-After beyond, and recovers', async () => {
    await using upstream = await startUpstream();
    await using edge = await startEdge({ rateLimit: { perSecond: 1, burst: 5 } }, [upstream.address]);
    const answers = await Promise.all(Array.from({ length: 12 }, () => ask(edge.url)));
    // At most one more drips out of the bucket while twelve requests are under way.
    const refused = answers.filter(answer => answer.status === 429);
    expect(answers.length - refused.length).toBeGreaterThanOrEqual(6);
    expect(answers.length - refused.length).toBeLessThanOrEqual(7);
    expect(refused.map(errorCode)).toEqual(refused.map(() => 'rate_limit_exceeded'));
    expect(refused.map(answer => answer.headers['retry-after'])).toEqual(refused.map(() => '1'));
    // Somebody else has a bucket of their own.
    expect((await ask(edge.url, { from: '127.0.0.2' })).status).toBe(200);
    await systemClock.sleep(1100);
    expect((await ask(edge.url)).status).toBe(200);
  });

  it.each([
    { name: '100/s with burst 200', rateLimit: {} },
    { name: 'no limit', rateLimit: 'off' },
  ] as const)('refuses nobody below the burst: $name', async ({ rateLimit }) => {
    await using upstream = await startUpstream();
    await using edge = await startEdge({ rateLimit }, [upstream.address]);
    const answers = await Promise.all(Array.from({ length: 150 }, () => ask(edge.url)));
    expect(answers.filter(answer => answer.status !== 200)).toEqual([]);
  });

  it('goes by the address that a trusted proxy names, and by no other', async () => {
    await using upstream = await startUpstream();
    const rateLimit = { perSecond: 1, burst: 0 };
    await using believes = await startEdge({ rateLimit, trustedProxies: ['127.0.0.1/32'] }, [upstream.address]);
    await using doubts = await startEdge({ rateLimit }, [upstream.address]);
    const both = async (url: string) => {
      const first = await ask(url, { headers: { 'x-forwarded-for': '192.0.2.1' } });
      const second = await ask(url, { headers: { 'x-forwarded-for': '192.0.2.2' } });
      return [first.status, second.status];
    };
    expect(await both(believes.url)).toEqual([200, 200]);
    expect(await both(doubts.url)).toEqual([200, 429]);
    expect(upstream.seen.map(request => request.headers['x-forwarded-for'])).toEqual([
      '192.0.2.1, 192.0.2.1',
      '192.0.2.2, 192.0.2.2',
      '127.0.0.1',
    ]);
  });
});

describe.skipIf(noNginx)(`connection cap per address ${noNginx || ''}`, () => {
  it.each([
    { cap: 3, refused: 2 },
    { cap: 'off', refused: 0 },
  ] as const)('with $cap allowed, refuses $refused of 5 requests at a time', async ({ cap, refused }) => {
    const held: (() => void)[] = [];
    await using upstream = await startUpstream((_, response) => void held.push(() => json(response, 200, {})));
    await using edge = await startEdge({ maxConnectionsPerAddress: cap }, [upstream.address]);
    const answers = Array.from({ length: 5 }, () => ask(edge.url));
    const rejected = answers.map(answer => answer.then(({ status }) => status === 429));
    await until(() => held.length === 5 - refused);
    if (refused > 0) await Promise.race(rejected.map(async r => (await r) || new Promise(() => {})));
    for (const release of held) release();
    const all = await Promise.all(answers);
    expect(all.filter(({ status }) => status === 429).map(errorCode)).toEqual(
      Array.from({ length: refused }, () => 'too_many_connections'),
    );
  });
});

describe.skipIf(noNginx)(`body limit ${noNginx || ''}`, () => {
  it('answers 413 in JSON to a longer body alone', async () => {
    await using upstream = await startUpstream();
    await using edge = await startEdge({ maxBodyBytes: 1000 }, [upstream.address]);
    const send = (bytes: number) => ask(edge.url, { method: 'POST', body: 'x'.repeat(bytes) });
    expect((await send(1000)).status).toBe(200);
    const refused = await send(1001);
    expect([refused.status, errorCode(refused)]).toEqual([413, 'request_too_large']);
  });
});
