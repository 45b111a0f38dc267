import type { Result } from 'ioredis';
import type { Network } from '../../../harness/host/network.ts';
import { redisClient } from '../../redis/connector.ts';
import type { SharedBuckets } from './bucket.ts';
import type { LimitsConfig } from './config.ts';
import { scriptArguments, takeScript } from './take-script.ts';

declare module 'ioredis' {
  interface RedisCommander<Context> {
    takeTokens(keyCount: number, ...keysAndArguments: (string | number)[]): Result<number[], Context>;
  }
}

/** Buckets in Redis, by a client that fails at once without a connection, see {@link redisClient}. */
export function redisBuckets({ url, keyPrefix }: NonNullable<LimitsConfig['redis']>, network: Network): SharedBuckets {
  const redis = redisClient(url, network, { keyPrefix, scripts: { takeTokens: { lua: takeScript() } } });
  return {
    open(onDisconnect) {
      redis.on('close', onDisconnect);
      redis.connect().catch(() => {});
    },
    async take(names, rules) {
      const [allowed, ...levels] = await redis.takeTokens(names.length, ...names, ...scriptArguments(rules));
      return { allowed: allowed === 1, levels };
    },
    reconnect: () => redis.disconnect(true),
    close: () => redis.disconnect(),
  };
}
