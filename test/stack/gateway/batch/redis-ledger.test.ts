import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { systemClock } from '../../../../harness/clock.ts';
import { systemNetwork } from '../../../../harness/host/network.ts';
import { seededRandom } from '../../../../harness/random.ts';
import { commitFunctions } from '../../../../stack/gateway/batch/ledger/commit-script.ts';
import type { Ledger } from '../../../../stack/gateway/batch/ledger/ledger.ts';
import { redisLedger } from '../../../../stack/gateway/batch/ledger/redis-ledger.ts';
import { hasEnded } from '../../../../stack/gateway/batch/records.ts';
import { redisCacheStore } from '../../../../stack/gateway/cache/redis-cache-store.ts';
import type { Stage } from '../../../../stack/gateway/http/exchange.ts';
import { inMemoryRedis } from '../../../../stack/redis/in-memory-redis.ts';
import { Keyspace } from '../../../../stack/redis/keyspace.ts';
import { type RedisSettings, redisOptionsSchema } from '../../../../stack/redis/options.ts';
import { REDIS_USER } from '../../../../stack/redis/render-redis-config.ts';
import { noRedis, startRedis } from '../limits/redis-server.ts';
import { inputOf, resultsOf, startService, submit } from './inside.ts';

const PASSWORD = 'secret-of-a-test';

interface Server extends AsyncDisposable {
  readonly url: string;
  /** Ends it at once, and starts it again. */
  restart(): Promise<void>;
}

async function startReal(settings: RedisSettings): Promise<Server> {
  const server = await startRedis(settings);
  const restart = async () => {
    await server.kill();
    await server.restart();
  };
  return { url: server.urlAt(server.address), restart, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

async function startInMemory(settings: RedisSettings): Promise<Server> {
  const { maxMemoryMb, eviction, persistence } = redisOptionsSchema.parse(settings);
  let keyspace = new Keyspace(maxMemoryMb, eviction);
  const open = () =>
    inMemoryRedis({
      username: REDIS_USER,
      password: PASSWORD,
      clock: systemClock,
      scripts: commitFunctions(),
      keyspace,
    });
  let server = open();
  const { port } = await systemNetwork.listen(server, { host: '127.0.0.1', port: 0 });
  const sockets = new Set<{ destroy(): void }>();
  const watch = () => server.on('connection', socket => sockets.add(socket));
  watch();
  const stop = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise(resolve => server.close(resolve));
  };
  return {
    url: `redis://${REDIS_USER}:${PASSWORD}@127.0.0.1:${port}`,
    async restart() {
      await stop();
      if (persistence === 'off') keyspace = new Keyspace(maxMemoryMb, eviction);
      server = open();
      watch();
      await systemNetwork.listen(server, { host: '127.0.0.1', port });
    },
    [Symbol.asyncDispose]: stop,
  };
}

/** The same for both: the real server, and the one of virtual time. */
const servers: Record<string, (settings: RedisSettings) => Promise<Server>> = {
  ...(noRedis ? {} : { 'the real Redis': startReal }),
  'Redis in memory': startInMemory,
};

async function connected(url: string): Promise<Ledger> {
  const ledger = redisLedger({ url, timeoutMs: 1000, keyPrefix: 'x:' }, systemNetwork);
  ledger.open();
  await responding(ledger);
  return ledger;
}

async function responding(ledger: Ledger): Promise<void> {
  while ((await ledger.nowMs().catch(() => undefined)) === undefined) await systemClock.sleep(5);
}

describe.each(Object.entries(servers))('a ledger in %s', (_name, start) => {
  let server: Server;
  let ledger: Ledger;
  beforeAll(async () => {
    server = await start({});
    ledger = await connected(server.url);
  });
  afterAll(async () => {
    ledger.close();
    await server[Symbol.asyncDispose]();
  });

  it('commits all commands or none', async () => {
    expect(
      await ledger.commit(
        [],
        [
          ['HSET', 'a', 'x', 'ü', 'y', 2],
          ['ZADD', 'z', 5, 'm', 1_732_890_000_123, 'n'],
        ],
      ),
    ).toBe(true);
    expect(
      await ledger.commit(
        [
          ['ü', 'HGET', 'a', 'x'],
          ['', 'HGET', 'a', 'none'],
        ],
        [['HINCRBY', 'a', 'y', 1]],
      ),
    ).toBe(true);
    expect(
      await ledger.commit(
        [
          ['3', 'HGET', 'a', 'y'],
          ['1', 'ZSCORE', 'z', 'm'],
        ],
        [['HINCRBY', 'a', 'y', 1]],
      ),
    ).toBe(false);
    expect(
      await ledger.commit(
        [
          ['1732890000123', 'ZSCORE', 'z', 'n'],
          ['2', 'ZCARD', 'z'],
        ],
        [
          ['DEL', 'none'],
          ['HDEL', 'a', 'none'],
        ],
      ),
    ).toBe(true);
    expect(await ledger.fields('a')).toEqual({ x: 'ü', y: '3' });
    expect(await ledger.values('a', ['y', 'none', 'x'])).toEqual(['3', undefined, 'ü']);
    expect(await ledger.range('z', Number.POSITIVE_INFINITY, -1)).toEqual([
      { member: 'm', score: 5 },
      { member: 'n', score: 1_732_890_000_123 },
    ]);
    expect(await ledger.range('z', 5, 1)).toEqual([{ member: 'm', score: 5 }]);
    expect([await ledger.fields('none'), await ledger.range('none', 1, 1)]).toEqual([{}, []]);
  });

  it('keeps contents as they were, also long ones', async () => {
    const text = `ü\r\n$5\r\n${'x'.repeat(3_000_000)}`;
    await ledger.commit([], [['SET', 'content', text]]);
    expect(String(await ledger.bytes('content'))).toBe(text);
    expect(await ledger.bytes('none')).toBeUndefined();
  });

  it('has a clock', async () => {
    expect(Math.abs((await ledger.nowMs()) - systemClock.date().getTime())).toBeLessThan(1000);
  });
});

describe.each(Object.entries(servers))('%s', (_name, start) => {
  it.each([
    ['volatile-lru', true],
    // The broken one: what has no time to live goes as well.
    ['allkeys-lru', false],
  ] as const)('that is overfull with cached responses has every job with %s: %s', async (eviction, hasAll) => {
    await using server = await start({ maxMemoryMb: 8, eviction });
    const ledger = await connected(server.url);
    for (let nth = 0; nth < 100; nth += 1) {
      await ledger.commit(
        [],
        [
          ['HSET', `job:${nth}`, 'status', 'open'],
          ['SET', `content:${nth}`, 'x'.repeat(5000)],
        ],
      );
    }
    const cache = redisCacheStore({ url: server.url, timeoutMs: 500, keyPrefix: 'x:cache:' }, systemNetwork);
    cache.open();
    while ((await cache.get('none').catch(() => 'no connection')) === 'no connection') await systemClock.sleep(5);
    // Four times the memory.
    for (let nth = 0; nth < 320; nth += 1) await cache.set(`${nth}`, Buffer.alloc(100_000), 60_000);
    const kept = await Promise.all(
      Array.from({ length: 100 }, async (_, nth) => {
        const { status } = await ledger.fields(`job:${nth}`);
        return status === 'open' && (await ledger.bytes(`content:${nth}`))?.length === 5000;
      }),
    );
    expect(kept.every(Boolean)).toBe(hasAll);
    expect((await cache.get('319'))?.length).toBe(100_000);
    cache.close();
    ledger.close();
  });

  it('that is full of jobs refuses more, and takes them once some are gone', async () => {
    await using server = await start({ maxMemoryMb: 8 });
    const ledger = await connected(server.url);
    const add = (nth: number) => ledger.commit([], [['SET', `content:${nth}`, 'x'.repeat(500_000)]]);
    const added = await Promise.all(Array.from({ length: 30 }, (_, nth) => add(nth).catch(error => String(error))));
    expect(added.filter(result => result === true).length).toBeGreaterThan(5);
    expect(added.find(result => result !== true)).toMatch(/OOM command not allowed/);
    // A commit that frees memory first is never refused.
    expect(
      await ledger.commit(
        [],
        [
          ['DEL', 'content:0'],
          ['DEL', 'content:1'],
          ['DEL', 'content:2'],
          ['HINCRBY', 'usage', 'bytes', 1],
        ],
      ),
    ).toBe(true);
    expect(await add(99)).toBe(true);
    ledger.close();
  });

  it.each([
    ['append-only', 'always', true],
    ['append-only', 'every-second', true],
    ['off', undefined, false],
  ] as const)(
    'with persistence %s and flush %s has after a kill what it has confirmed: %s',
    async (persistence, flush, isKept) => {
      await using server = await start({ persistence, ...(flush && { flush }) });
      const ledger = await connected(server.url);
      expect(
        await ledger.commit(
          [],
          [
            ['HSET', 'job', 'status', 'open'],
            ['ZADD', 'open', 7, 'job'],
          ],
        ),
      ).toBe(true);
      await server.restart();
      await responding(ledger);
      expect(await ledger.fields('job')).toEqual(isKept ? { status: 'open' } : {});
      expect(await ledger.range('open', 9, 9)).toEqual(isKept ? [{ member: 'job', score: 7 }] : []);
      ledger.close();
    },
  );

  test('no accepted batch is lost while the store is killed and gateways end, and a line that ran twice says so', {
    timeout: 60_000,
  }, async () => {
    await using server = await start({ flush: 'always' });
    const random = seededRandom(5);
    const ends = new Map<string, number>();
    const serve: Stage = async exchange => {
      exchange.attempts += 1;
      await systemClock.sleep(random.integer(1, 30));
      if (exchange.clientDisconnected) return;
      const id = (JSON.parse(String(exchange.body)) as { messages: [{ content: string }] }).messages[0].content;
      ends.set(id, (ends.get(id) ?? 0) + 1);
      exchange.response.writeHead(200, []);
      exchange.response.end('{}');
    };
    const config = { leaseMs: 300, pollMs: 20, concurrency: 4, maxAttempts: 100 };
    let nth = 0;
    const launch = async () => {
      nth += 1;
      const ledger = redisLedger({ url: server.url, timeoutMs: 500, keyPrefix: 'y:' }, systemNetwork);
      const isDead = { value: false };
      const dying = {
        ...ledger,
        commit: (...words: Parameters<Ledger['commit']>) =>
          isDead.value ? new Promise<never>(() => {}) : ledger.commit(...words),
      };
      const { service } = startService(dying, systemClock, serve, { seed: 100 + nth, config });
      await responding(ledger);
      return { service, kill: () => Object.assign(isDead, { value: true }) };
    };
    const gateways = [await launch(), await launch()];
    const accepted: string[] = [];
    for (let step = 0; step < 20; step += 1) {
      const content = inputOf(Array.from({ length: 10 }, (_, line) => `${step}-${line}`));
      const id = await submit(gateways[step % 2]!.service, content).catch(() => undefined);
      if (id !== undefined) accepted.push(id);
      await systemClock.sleep(random.integer(10, 60));
      if (step % 5 === 2) await server.restart();
      if (step % 5 === 4) {
        gateways[0]!.kill();
        gateways[0]!.service.drain();
        gateways[0] = await launch();
      }
    }
    const [{ service }] = gateways as [(typeof gateways)[0]];
    const found = async (id: string) => (await service.batches.find(id))!;
    for (const id of accepted) while (!hasEnded((await found(id)).status)) await systemClock.sleep(20);
    expect(accepted.length).toBeGreaterThan(4); // others are refused while the store restarts
    for (const id of accepted) {
      const batch = await found(id);
      expect(batch).toMatchObject({ status: 'completed', completed: 10 });
      const results = await resultsOf(service, batch);
      expect(new Set(results.map(result => result.custom_id)).size).toBe(10);
      for (const { custom_id, attempts = 1 } of results)
        expect(attempts).toBeGreaterThanOrEqual(ends.get(custom_id) ?? 1);
    }
    for (const gateway of gateways) await gateway.service[Symbol.asyncDispose]();
  });
});
