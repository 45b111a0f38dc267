import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../harness/clock.ts';
import { ask } from './fixtures/ask.ts';
import { noNginx, startEdge } from './fixtures/running-edge.ts';
import { json, startUpstream } from './fixtures/upstream.ts';

/** Says who asked, and how many have; 404 below /missing. */
function counting() {
  let asked = 0;
  return startUpstream((request, response) => {
    asked += 1;
    const headers = request.url === '/private' ? { 'cache-control': 'no-store' } : {};
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const status = request.url === '/missing' ? 404 : 200;
    json(response, status, { asked, by: request.headers.authorization ?? request.headers['x-api-key'] ?? 'nobody' });
  });
}

describe.skipIf(noNginx)(`micro-cache ${noNginx || ''}`, () => {
  it('answers a repeated GET by itself, and only while switched on', async () => {
    await using upstream = await counting();
    await using caches = await startEdge({ cache: {} }, [upstream.address]);
    await using passes = await startEdge({}, [upstream.address]);
    const first = await ask(`${caches.url}/a`);
    const second = await ask(`${caches.url}/a`);
    expect([first.headers['x-cache-status'], second.headers['x-cache-status']]).toEqual(['MISS', 'HIT']);
    expect(second.body).toBe(first.body);
    expect((await ask(`${caches.url}/a?b`)).body).not.toBe(first.body);
    expect((await ask(`${passes.url}/a`)).body).not.toBe((await ask(`${passes.url}/a`)).body);
  });

  it('forgets a 404 sooner than a 200', async () => {
    await using upstream = await counting();
    await using edge = await startEdge({ cache: { okMs: 600_000, notFoundMs: 1000 } }, [upstream.address]);
    const statuses = async (path: string) => {
      const seen = [];
      for (const waitMs of [0, 0, 2100]) {
        await systemClock.sleep(waitMs);
        seen.push((await ask(edge.url + path)).headers['x-cache-status']);
      }
      return seen;
    };
    const [found, missing] = await Promise.all([statuses('/found'), statuses('/missing')]);
    expect(found).toEqual(['MISS', 'HIT', 'HIT']);
    expect(missing).toEqual(['MISS', 'HIT', 'EXPIRED']);
  });

  it('never answers a POST', async () => {
    await using upstream = await counting();
    await using edge = await startEdge({ cache: {} }, [upstream.address]);
    await ask(`${edge.url}/a`);
    const bodies = [];
    for (let sent = 0; sent < 2; sent += 1)
      bodies.push((await ask(`${edge.url}/a`, { method: 'POST', body: '{}' })).body);
    expect(new Set(bodies).size).toBe(2);
    expect(upstream.seen).toHaveLength(3);
  });

  it.each(['authorization', 'x-api-key'])('never serves one %s the answer of another', async header => {
    await using upstream = await counting();
    await using edge = await startEdge({ cache: {} }, [upstream.address]);
    const by = async (key?: string) => {
      const answer = await ask(`${edge.url}/a`, { headers: key === undefined ? {} : { [header]: key } });
      return [JSON.parse(answer.body).by, answer.headers['x-cache-status']];
    };
    expect(await by('Bearer a')).toEqual(['Bearer a', 'MISS']);
    expect(await by('Bearer b')).toEqual(['Bearer b', 'MISS']);
    expect(await by()).toEqual(['nobody', 'MISS']);
    expect(await by('Bearer a')).toEqual(['Bearer a', 'HIT']);
    expect(await by()).toEqual(['nobody', 'HIT']);
  });

  it('stores nothing that came with a key when told so, nor with a cookie, nor against the will of the upstream', async () => {
    await using upstream = await counting();
    await using edge = await startEdge({ cache: { authenticated: 'never' } }, [upstream.address]);
    for (const [path, headers] of [
      ['/a', { authorization: 'Bearer a' }],
      ['/a', { 'x-api-key': 'a' }],
      ['/a', { cookie: 'session=a' }],
      ['/private', {}],
    ] as const) {
      const bodies = [await ask(edge.url + path, { headers }), await ask(edge.url + path, { headers })];
      expect(new Set(bodies.map(({ body }) => body)).size).toBe(2);
    }
  });
});
