import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../harness/clock.ts';
import { send } from './fixtures/http-client.ts';
import { noNginx, startEdge } from './fixtures/running-edge.ts';
import { json, startUpstream } from './fixtures/upstream.ts';

/** Starts an upstream that responds with the caller's key and the number of requests; 404 at /missing. */
function counting() {
  let count = 0;
  return startUpstream((request, response) => {
    count += 1;
    const headers = request.url === '/private' ? { 'cache-control': 'no-store' } : {};
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const status = request.url === '/missing' ? 404 : 200;
    json(response, status, { count, by: request.headers.authorization ?? request.headers['x-api-key'] ?? 'anonymous' });
  });
}

describe.skipIf(noNginx)(`micro-cache ${noNginx || ''}`, () => {
  it('serves a repeated GET from the cache, and only when on', async () => {
    await using upstream = await counting();
    await using caches = await startEdge({ cache: {} }, [upstream.address]);
    await using passes = await startEdge({}, [upstream.address]);
    const first = await send(`${caches.url}/a`);
    const second = await send(`${caches.url}/a`);
    expect([first.headers['x-cache-status'], second.headers['x-cache-status']]).toEqual(['MISS', 'HIT']);
    expect(second.body).toBe(first.body);
    expect((await send(`${caches.url}/a?b`)).body).not.toBe(first.body);
    expect((await send(`${passes.url}/a`)).body).not.toBe((await send(`${passes.url}/a`)).body);
  });

  it('expires a 404 sooner than a 200', async () => {
    await using upstream = await counting();
    await using edge = await startEdge({ cache: { okMs: 600_000, notFoundMs: 1000 } }, [upstream.address]);
    const statusesOf = async (path: string) => {
      const statuses = [];
      for (const waitMs of [0, 0, 2100]) {
        await systemClock.sleep(waitMs);
        statuses.push((await send(edge.url + path)).headers['x-cache-status']);
      }
      return statuses;
    };
    const [found, missing] = await Promise.all([statusesOf('/found'), statusesOf('/missing')]);
    expect(found).toEqual(['MISS', 'HIT', 'HIT']);
    expect(missing).toEqual(['MISS', 'HIT', 'EXPIRED']);
  });

  it('never caches a POST', async () => {
    await using upstream = await counting();
    await using edge = await startEdge({ cache: {} }, [upstream.address]);
    await send(`${edge.url}/a`);
    const bodies = [];
    for (let sent = 0; sent < 2; sent += 1)
      bodies.push((await send(`${edge.url}/a`, { method: 'POST', body: '{}' })).body);
    expect(new Set(bodies).size).toBe(2);
    expect(upstream.received).toHaveLength(3);
  });

  it.each(['authorization', 'x-api-key'])('never serves the response of one %s to another', async header => {
    await using upstream = await counting();
    await using edge = await startEdge({ cache: {} }, [upstream.address]);
    const by = async (key?: string) => {
      const response = await send(`${edge.url}/a`, { headers: key === undefined ? {} : { [header]: key } });
      return [JSON.parse(response.body).by, response.headers['x-cache-status']];
    };
    expect(await by('Bearer a')).toEqual(['Bearer a', 'MISS']);
    expect(await by('Bearer b')).toEqual(['Bearer b', 'MISS']);
    expect(await by()).toEqual(['anonymous', 'MISS']);
    expect(await by('Bearer a')).toEqual(['Bearer a', 'HIT']);
    expect(await by()).toEqual(['anonymous', 'HIT']);
  });

  it('does not cache responses with a key if so configured, with a cookie, or with no-store', async () => {
    await using upstream = await counting();
    await using edge = await startEdge({ cache: { authenticated: 'never' } }, [upstream.address]);
    for (const [path, headers] of [
      ['/a', { authorization: 'Bearer a' }],
      ['/a', { 'x-api-key': 'a' }],
      ['/a', { cookie: 'session=a' }],
      ['/private', {}],
    ] as const) {
      const bodies = [await send(edge.url + path, { headers }), await send(edge.url + path, { headers })];
      expect(new Set(bodies.map(({ body }) => body)).size).toBe(2);
    }
  });
});
