import { Redis, type Result } from 'ioredis';
import type { BucketRule, Taken } from './bucket.ts';
import type { LimitsConfig } from './config.ts';
import type { SharedBuckets } from './shared-buckets.ts';
import { scriptArguments, takeScript } from './take-script.ts';

declare module 'ioredis' {
  interface RedisCommander<Context> {
    takeTokens(keyCount: number, ...keysAndArguments: (string | number)[]): Result<number[], Context>;
  }
}

const CONNECT_LIMIT_MS = 500;
const RECONNECT_MS = 100;

/**
 * Buckets in Redis. Nothing is ever queued for later or sent twice: a command without a connection fails at once, and one whose
 * connection breaks fails then. Requests that arrive while a write is under way leave together in the next one, which halves what
 * Redis costs this process; the price is up to two round trips instead of one.
 */
export function redisBuckets({ url, keyPrefix }: NonNullable<LimitsConfig['redis']>): SharedBuckets {
  const redis = new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    enableAutoPipelining: true,
    connectTimeout: CONNECT_LIMIT_MS,
    retryStrategy: () => RECONNECT_MS,
    keyPrefix,
    scripts: { takeTokens: { lua: takeScript() } },
  });
  // Without a listener ioredis prints every failed attempt to connect. What matters is seen by `take`.
  redis.on('error', () => {});
  return {
    open(lost) {
      redis.on('close', lost);
      redis.connect().catch(() => {});
    },
    async take(names: readonly string[], rules: readonly BucketRule[]): Promise<Taken> {
      const [allowed, ...levels] = await redis.takeTokens(names.length, ...names, ...scriptArguments(rules));
      return { allowed: allowed === 1, levels };
    },
    reconnect: () => redis.disconnect(true),
    close: () => redis.disconnect(),
  };
}
