import type { Result } from 'ioredis';
import type { Network } from '../../../harness/host/network.ts';
import { redisClient } from '../../redis/connector.ts';
import type { IdentityConfig } from './config.ts';
import type { SharedStore } from './shared-store.ts';
import { LIST_SCRIPT, PUT_SCRIPT, revocationsOf, USE_SCRIPT } from './store-scripts.ts';

declare module 'ioredis' {
  interface RedisCommander<Context> {
    useProof(keyCount: 1, proof: string, ttlMs: number): Result<number[], Context>;
    putRevocation(keyCount: 1, hash: string, ...values: (string | number)[]): Result<number[], Context>;
    listRevocations(keyCount: 1, hash: string, version: string): Result<string[], Context>;
  }
}

/** Name of the hash of all revocations, after the prefix. */
const REVOCATIONS = 'revocations';

/** Store in Redis, by a client that fails at once without a connection, see {@link redisClient}. */
export function redisStore(
  { url, keyPrefix }: Pick<NonNullable<IdentityConfig['redis']>, 'url' | 'keyPrefix'>,
  network: Network,
): SharedStore {
  const redis = redisClient(url, network, {
    keyPrefix,
    scripts: {
      useProof: { lua: USE_SCRIPT },
      putRevocation: { lua: PUT_SCRIPT },
      listRevocations: { lua: LIST_SCRIPT },
    },
  });
  return {
    open(onDisconnect) {
      redis.on('close', onDisconnect);
      redis.connect().catch(() => {});
    },
    use: async (proof, ttlMs) => (await redis.useProof(1, `proof:${proof}`, Math.ceil(ttlMs)))[0] === 1,
    async put(id, { isRevoked, untilMs }, decidedMs = 0) {
      const values = [id, isRevoked ? 1 : 0, Math.ceil(untilMs), decidedMs];
      return (await redis.putRevocation(1, REVOCATIONS, ...values))[0]!;
    },
    list: async known => revocationsOf(await redis.listRevocations(1, REVOCATIONS, known), known),
    reconnect: () => redis.disconnect(true),
    close: () => redis.disconnect(),
  };
}
