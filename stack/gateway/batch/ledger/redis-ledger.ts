import type { Result } from 'ioredis';
import type { Network } from '../../../../harness/host/network.ts';
import { redisClient } from '../../../redis/connector.ts';
import type { BatchConfig } from '../config.ts';
import { COMMIT_SCRIPT, commitWords } from './commit-script.ts';
import type { Ledger } from './ledger.ts';

declare module 'ioredis' {
  interface RedisCommander<Context> {
    commitBatch(keyCount: number, ...words: string[]): Result<number[], Context>;
  }
}

/** Ledger in Redis, by a client that fails at once without a connection, see {@link redisClient}. */
export function redisLedger({ url, keyPrefix }: BatchConfig['redis'], network: Network): Ledger {
  const redis = redisClient(url, network, { keyPrefix, scripts: { commitBatch: { lua: COMMIT_SCRIPT } } });
  return {
    open: () => void redis.connect().catch(() => {}),
    reconnect: () => redis.disconnect(true),
    close: () => redis.disconnect(),
    async nowMs() {
      const [seconds = 0, micros = 0] = (await redis.time()).map(Number);
      return seconds * 1000 + Math.floor(micros / 1000);
    },
    async commit(checks, commands) {
      const { keys, values } = commitWords(checks, commands);
      return (await redis.commitBatch(keys.length, ...keys, ...values))[0] === 1;
    },
    fields: key => redis.hgetall(key),
    values: async (key, names) => (await redis.hmget(key, ...names.map(String))).map(value => value ?? undefined),
    bytes: async key => (await redis.getBuffer(key)) ?? undefined,
    async range(key, max, limit) {
      const found = await redis.zrangebyscore(
        key,
        '-inf',
        Number.isFinite(max) ? max : '+inf',
        'WITHSCORES',
        'LIMIT',
        0,
        limit,
      );
      return Array.from({ length: found.length / 2 }, (_, nth) => ({
        member: found[2 * nth]!,
        score: Number(found[2 * nth + 1]),
      }));
    },
  };
}
