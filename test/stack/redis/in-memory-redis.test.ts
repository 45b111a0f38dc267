import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../harness/clock.ts';
import { systemNetwork } from '../../../harness/host/network.ts';
import { redisBuckets } from '../../../stack/gateway/limits/redis-buckets.ts';
import { takeFunctions } from '../../../stack/gateway/limits/take-function.ts';
import { takeScript } from '../../../stack/gateway/limits/take-script.ts';
import { inMemoryRedis } from '../../../stack/redis/in-memory-redis.ts';
import { REDIS_USER } from '../../../stack/redis/render-redis-config.ts';
import { noRedis, type RedisServer, startRedis } from '../gateway/limits/redis-server.ts';

const PASSWORD = 'secret-of-a-test';
const command = (...parts: string[]) =>
  `*${parts.length}\r\n${parts.map(part => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join('')}`;
const auth = command('AUTH', REDIS_USER, PASSWORD);
const sha = createHash('sha1').update(takeScript()).digest('hex');
// 1 token in 1,000 s: nothing refills between two calls, on either clock.
const bucket = (name: string, burst: string) => command('EVALSHA', sha, '1', name, '1', '1000000', burst);

/** What is written, in pieces, and how many lines of reply are awaited, or the end. Both servers must reply with the same bytes. */
const conversations: Record<string, { readonly writes: readonly string[]; readonly replies: number }> = {
  'a command before the password': { writes: [command('PING')], replies: 1 },
  'a wrong password': { writes: [command('AUTH', REDIS_USER, 'wrong')], replies: 1 },
  'another user': { writes: [command('AUTH', 'default', PASSWORD)], replies: 1 },
  'the password, then PING': { writes: [auth, command('PING')], replies: 2 },
  'several commands in one write': { writes: [auth + command('PING') + command('ping')], replies: 3 },
  'a command in single bytes': { writes: [...(auth + command('PING'))], replies: 2 },
  'a wrong password after a right one': {
    writes: [auth, command('AUTH', REDIS_USER, 'no'), command('PING')],
    replies: 3,
  },
  'lines of words': { writes: [`AUTH ${REDIS_USER} ${PASSWORD}\r\nPING\r\n`, 'PI', 'NG\r\n'], replies: 3 },
  'SELECT and CLIENT': { writes: [auth, command('SELECT', '0'), command('CLIENT', 'SETNAME', 'a')], replies: 3 },
  'a script that is not loaded': { writes: [auth, command('EVALSHA', 'f'.repeat(40), '0')], replies: 2 },
  'tokens until there is none': { writes: [auth, bucket('a', '2'), bucket('a', '2'), bucket('a', '2')], replies: 4 },
  'the text of a script': { writes: [auth, command('EVAL', takeScript(), '1', 'd', '1', '1000000', '1')], replies: 2 },
  'buckets by name': { writes: [auth, bucket('b', '1'), bucket('c', '1'), bucket('b', '1')], replies: 4 },
  'PING with a text': { writes: [auth, command('PING', 'a text')], replies: 3 },
  'PING with two texts': { writes: [auth, command('PING', 'a', 'b')], replies: 2 },
  'QUIT, after which the server ends': {
    writes: [auth + command('PING') + command('QUIT') + command('PING')],
    replies: Number.POSITIVE_INFINITY,
  },
  'QUIT before the password': { writes: [command('QUIT')], replies: Number.POSITIVE_INFINITY },
  'a string, and none': {
    writes: [auth, command('SET', 'key', 'value'), command('GET', 'key'), command('get', 'other')],
    replies: 4,
  },
  'a string for a while': {
    writes: [auth, command('SET', 'short', 'x', 'px', '60000'), command('GET', 'short')],
    replies: 3,
  },
  'a time that is none': {
    writes: [auth, ...['0', '-1', 'x', '1.5'].map(ttl => command('SET', 'key', 'value', 'PX', ttl))],
    replies: 5,
  },
  'SET and GET with too few or too many words': {
    writes: [auth, command('SET', 'key'), command('GET'), command('GET', 'a', 'b'), command('SET', 'a', 'b', 'PX')],
    replies: 5,
  },
  'a hash': {
    writes: [
      auth,
      command('HSET', 'h', 'a', '1', 'b', 'x'),
      command('HSET', 'h', 'a', '2', 'c', ''),
      command('HGET', 'h', 'a'),
      command('HGET', 'h', 'none'),
      command('HMGET', 'h', 'c', 'none', 'b'),
      command('HINCRBY', 'h', 'a', '-5'),
      command('HINCRBY', 'h', 'n', '3'),
      command('HINCRBY', 'h', 'b', '1'),
      command('HINCRBY', 'h', 'a', 'x'),
      command('HDEL', 'h', 'a', 'none', 'n'),
      command('HGETALL', 'h'),
      command('HDEL', 'h', 'b', 'c'),
      command('EXISTS', 'h'),
      command('HGETALL', 'h'),
    ],
    replies: 16,
  },
  'a sorted set': {
    writes: [
      auth,
      command('ZADD', 'z', '2', 'b', '1', 'c', '2', 'a'),
      command('ZADD', 'z', '1732890000123', 'c'),
      command('ZSCORE', 'z', 'c'),
      command('ZSCORE', 'z', 'none'),
      command('ZCARD', 'z'),
      command('ZRANGEBYSCORE', 'z', '-inf', '+inf'),
      command('ZRANGEBYSCORE', 'z', '-inf', '2', 'WITHSCORES', 'LIMIT', '0', '1'),
      command('ZRANGEBYSCORE', 'z', '3', '1'),
      command('ZRANGEBYSCORE', 'z', 'x', '1'),
      command('ZADD', 'z', 'x', 'c'),
      command('ZREM', 'z', 'a', 'none', 'b'),
      command('DEL', 'z', 'none'),
      command('ZCARD', 'z'),
    ],
    replies: 14,
  },
  'a key of another kind': {
    writes: [
      auth,
      command('SET', 's', 'x'),
      command('HGET', 's', 'a'),
      command('ZADD', 's', '1', 'a'),
      command('DEL', 's'),
    ],
    replies: 5,
  },
  'too few words, or a half of a pair': {
    writes: [
      auth,
      command('HGET', 'h'),
      command('HSET', 'h', 'a'),
      command('HSET', 'h', 'a', '1', 'b'),
      command('ZSCORE', 'z'),
    ],
    replies: 5,
  },
  'an unknown command': { writes: [auth, command('NONSENSE', 'x')], replies: 2 },
};

async function converse(port: number, writes: readonly string[], replies: number): Promise<string> {
  const socket: Socket = systemNetwork.connect({ host: '127.0.0.1', port, noDelay: true });
  let text = '';
  const done = new Promise<void>((resolve, reject) => {
    socket.on('error', reject).on('data', bytes => {
      text += bytes.toString();
      if (countReplies(text) >= replies) resolve();
    });
    socket.on('end', () => {
      text += 'end';
      resolve();
    });
  });
  for (const piece of writes) socket.write(piece);
  await done;
  socket.destroy();
  // A level grows with every ms between two calls: to the nearest tenth of a token.
  return text.replaceAll(/(\*2\r\n:\d\r\n:)(\d+)/g, (_, head, level) => `${head}${Math.round(level / 1e5)}`);
}

/** Top-level replies: an array's elements are not counted. */
function countReplies(text: string): number {
  const lines = text.split('\r\n').slice(0, -1);
  let count = 0;
  for (let at = 0; at < lines.length; at += 1) {
    count += 1;
    if (lines[at]!.startsWith('*')) at += Number(lines[at]!.slice(1));
  }
  return count;
}

const scripts = takeFunctions();
const server = inMemoryRedis({ username: REDIS_USER, password: PASSWORD, clock: systemClock, scripts });
let port = 0;

beforeAll(async () => {
  ({ port } = await systemNetwork.listen(server, { host: '127.0.0.1', port: 0 }));
});
afterAll(() => void server.close());

describe.skipIf(noRedis)(`Redis in memory responds as the real one${noRedis ? ` (${noRedis})` : ''}`, () => {
  let real: RedisServer;
  beforeAll(async () => {
    real = await startRedis();
    const load = command('SCRIPT', 'LOAD', takeScript());
    await converse(Number(real.address.split(':')[1]), [auth, load], 2);
  });
  afterAll(() => real?.[Symbol.asyncDispose]());

  it.each(Object.entries(conversations))('%s', async (_, { writes, replies }) => {
    const expected = await converse(Number(real.address.split(':')[1]), writes, replies);
    expect(await converse(port, writes, replies)).toBe(expected);
  });
});

it('serves the buckets of gateways, and gateways notice that it is gone', async () => {
  const url = `redis://${REDIS_USER}:${PASSWORD}@127.0.0.1:${port}`;
  const buckets = redisBuckets({ url, timeoutMs: 500, keyPrefix: 'x:' }, systemNetwork);
  let disconnects = 0;
  buckets.open(() => {
    disconnects += 1;
  });
  const rule = { limit: 1, periodMs: 1_000_000, burst: 2 };
  const take = () =>
    buckets.take(['key'], [rule]).then(
      ({ allowed }) => allowed,
      () => 'no connection',
    );
  while ((await take()) === 'no connection') await systemClock.sleep(5);
  expect([await take(), await take()]).toEqual([true, false]);
  buckets.close();
  await systemClock.sleep(20);
  expect([disconnects, await take()]).toEqual([1, 'no connection']);
});
