import type { Result } from 'ioredis';
import type { Network } from '../../../harness/host/network.ts';
import { redisClient } from '../../redis/connector.ts';
import type { AccountingConfig } from './config.ts';
import type { Ledger } from './ledger.ts';
import { ledgerCalls } from './ledger-calls.ts';
import { RESERVE_SCRIPT, SETTLE_SCRIPT, USAGE_SCRIPT } from './ledger-scripts.ts';

declare module 'ioredis' {
  interface RedisCommander<Context> {
    reserveCredits(keyCount: number, ...keysAndValues: (string | number)[]): Result<(number | string)[], Context>;
    settleUsage(keyCount: number, ...keysAndValues: (string | number)[]): Result<(number | string)[], Context>;
    readUsage(keyCount: number, ...keysAndValues: (string | number)[]): Result<(number | string)[], Context>;
  }
}

/**
 * Ledger in Redis, by a client that fails at once without a connection, see {@link redisClient}. Not for Redis Cluster, since one call has keys of
 * several callers.
 */
export function usageLedger(
  { url, keyPrefix }: Pick<AccountingConfig['redis'], 'url' | 'keyPrefix'>,
  network: Network,
): Ledger {
  const redis = redisClient(url, network, {
    keyPrefix,
    scripts: {
      reserveCredits: { lua: RESERVE_SCRIPT },
      settleUsage: { lua: SETTLE_SCRIPT },
      readUsage: { lua: USAGE_SCRIPT },
    },
  });
  return {
    ...ledgerCalls((script, keys, values) => redis[script](keys.length, ...keys, ...values)),
    open: () => void redis.connect().catch(() => {}),
    reconnect: () => redis.disconnect(true),
    close: () => redis.disconnect(),
  };
}
