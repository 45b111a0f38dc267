import { AbstractConnector, Redis, type RedisOptions } from 'ioredis';
import type { Network } from '../../harness/host/network.ts';

const CONNECT_TIMEOUT_MS = 500;
const RECONNECT_DELAY_MS = 100;

/**
 * Client that connects over `network` once it is told to, and reconnects. Commands are never queued or resent: without a connection, or when
 * it breaks, a command fails at once. Requests that arrive during a write are pipelined into the next one, which halves the CPU cost of Redis in
 * this process at the price of up to two round trips instead of one.
 * @param scripts Lua by the name of the command that it becomes
 */
export function redisClient(
  url: string,
  network: Network,
  { keyPrefix, scripts }: Required<Pick<RedisOptions, 'keyPrefix' | 'scripts'>>,
): Redis {
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
    scripts,
  });
  // Without a listener ioredis prints every failed connection attempt. Failures are reported by each command.
  redis.on('error', () => {});
  return redis;
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
      // A connection that fails at once, as without a route, does so before ioredis listens.
      this.stream.once('error', (error: Error) => {
        this.firstError = error;
      });
      return this.stream;
    }
  };
}
