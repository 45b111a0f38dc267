import type { Network } from '../../../harness/host/network.ts';
import { redisClient } from '../../redis/connector.ts';
import type { CacheConfig } from './config.ts';
import type { CacheStore } from './store.ts';

/** Entries in Redis, by a client that fails at once without a connection, see {@link redisClient}. */
export function redisCacheStore({ url, keyPrefix }: CacheConfig['redis'], network: Network): CacheStore {
  const redis = redisClient(url, network, { keyPrefix, scripts: {} });
  return {
    open: () => void redis.connect().catch(() => {}),
    get: async name => (await redis.getBuffer(name)) ?? undefined,
    set: async (name, value, ttlMs) => void (await redis.set(name, value, 'PX', ttlMs)),
    reconnect: () => redis.disconnect(true),
    close: () => redis.disconnect(),
  };
}
