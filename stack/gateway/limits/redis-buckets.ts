import { AbstractConnector, Redis, type RedisOptions, type Result } from 'ioredis';
import type { Network } from '../../../harness/host/network.ts';
import type { SharedBuckets } from './bucket.ts';
import type { LimitsConfig } from './config.ts';
import { scriptArguments, takeScript } from './take-script.ts';

declare module 'ioredis' {
  interface RedisCommander<Context> {
    takeTokens(keyCount: number, ...keysAndArguments: (string | number)[]): Result<number[], Context>;
  }
}

const CONNECT_TIMEOUT_MS = 500;
const RECONNECT_DELAY_MS = 100;

/**
 * Buckets in Redis. Commands are never queued or resent: without a connection, or when it breaks, a command fails at once. Requests
 * that arrive during a write are pipelined into the next one, which halves the CPU cost of Redis in this process at the price of up
 * to two round trips instead of one.
 */
export function redisBuckets({ url, keyPrefix }: NonNullable<LimitsConfig['redis']>, network: Network): SharedBuckets {
  const redis = new Redis(url, {
    Connector: connectorOn(network),
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    enableAutoPipelining: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    retryStrategy: () => RECONNECT_DELAY_MS,
    keyPrefix,
    scripts: { takeTokens: { lua: takeScript() } },
  });
  // Without a listener ioredis prints every failed connection attempt. Failures are reported by `take`.
  redis.on('error', () => {});
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

/** Makes ioredis connect over `network`. */
function connectorOn(network: Network) {
  return class extends AbstractConnector {
    readonly #options: RedisOptions;

    /** @param options RedisOptions, which ioredis' types do not say */
    constructor(options: unknown) {
      const given = options as RedisOptions;
      super(given.disconnectTimeout ?? 0);
      this.#options = given;
    }

    override async connect() {
      const { host = '127.0.0.1', port = 6379 } = this.#options;
      this.connecting = true;
      this.stream = network.connect({ host, port });
      return this.stream;
    }
  };
}
