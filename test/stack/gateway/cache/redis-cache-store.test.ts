import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../harness/clock.ts';
import { systemNetwork } from '../../../../harness/host/network.ts';
import { systemSecrets } from '../../../../harness/host/secrets.ts';
import { redisCacheStore } from '../../../../stack/gateway/cache/redis-cache-store.ts';
import type { CacheStore } from '../../../../stack/gateway/cache/store.ts';
import { inMemoryRedis } from '../../../../stack/redis/in-memory-redis.ts';
import { Keyspace } from '../../../../stack/redis/keyspace.ts';
import { REDIS_USER } from '../../../../stack/redis/render-redis-config.ts';
import { noRedis, startRedis } from '../limits/redis-server.ts';

const PASSWORD = 'secret-of-a-test';

/** The same for both: the real server, and the one of virtual time. */
const servers: Record<string, () => Promise<{ readonly url: string } & AsyncDisposable>> = {
  ...(noRedis ? {} : { 'the real Redis': async () => startReal() }),
  'Redis in memory': async () => startInMemory(256),
};

async function startReal() {
  const server = await startRedis();
  return { url: server.urlAt(server.address), [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

async function startInMemory(maxMemoryMb: number) {
  const keyspace = new Keyspace(maxMemoryMb);
  const options = { username: REDIS_USER, password: PASSWORD, clock: systemClock, scripts: new Map(), keyspace };
  const server = inMemoryRedis(options);
  const { port } = await systemNetwork.listen(server, { host: '127.0.0.1', port: 0 });
  return {
    url: `redis://${REDIS_USER}:${PASSWORD}@127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => void server.close(),
  };
}

async function connected(url: string): Promise<CacheStore> {
  const store = redisCacheStore({ url, timeoutMs: 500, keyPrefix: 'x:' }, systemNetwork);
  store.open();
  while ((await store.get('none').catch(() => 'no connection')) === 'no connection') await systemClock.sleep(5);
  return store;
}

describe.each(Object.entries(servers))('entries in %s', (_name, start) => {
  let server: Awaited<ReturnType<typeof start>>;
  let store: CacheStore;
  beforeAll(async () => {
    server = await start();
    store = await connected(server.url);
  });
  afterAll(async () => {
    store.close();
    await server[Symbol.asyncDispose]();
  });

  it('are what was stored, whatever their bytes and length', async () => {
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    for (const value of [all, Buffer.alloc(0), Buffer.from('\r\n$5\r\n'), systemSecrets(262_144)]) {
      await store.set('a', value, 60_000);
      expect((await store.get('a'))!.equals(value)).toBe(true);
    }
  });

  it('have names, and the last one counts', async () => {
    await Promise.all([store.set('b', Buffer.from('1'), 60_000), store.set('c', Buffer.from('2'), 60_000)]);
    await store.set('b', Buffer.from('3'), 60_000);
    const found = await Promise.all(['b', 'c', 'd'].map(name => store.get(name)));
    expect(found.map(value => value?.toString())).toEqual(['3', '2', undefined]);
  });

  it('are gone after their time, which a new one replaces', async () => {
    await store.set('e', Buffer.from('1'), 40);
    await store.set('f', Buffer.from('1'), 40);
    await store.set('f', Buffer.from('2'), 60_000);
    expect((await store.get('e'))?.toString()).toBe('1');
    await systemClock.sleep(60);
    expect([await store.get('e'), (await store.get('f'))?.toString()]).toEqual([undefined, '2']);
  });

  it('need a time of at least 1 ms', async () => {
    await expect(store.set('g', Buffer.from('1'), 0)).rejects.toThrow("invalid expire time in 'set' command");
  });
});

it('Redis in memory keeps the entries that were used last, within its bound', async () => {
  await using server = await startInMemory(1);
  const store = await connected(server.url);
  const names = Array.from({ length: 20 }, (_, nth) => `n${nth}`);
  for (const name of names) {
    await store.set(name, Buffer.alloc(100_000), 60_000);
    await store.get('n0');
  }
  const kept = [];
  for (const name of names) if (await store.get(name)) kept.push(name);
  // 1 MiB holds ten of them.
  expect(kept).toEqual(['n0', ...names.slice(-9)]);
  store.close();
});
