import { join } from 'node:path';
import type { Addresses, ReplicaPlan, RestartPolicy } from '../topology.ts';
import type { RedisOptions } from './options.ts';
import { REDIS_USER, renderRedisConfig } from './render-redis-config.ts';

/**
 * The one Redis of a stack, `redis-1`. Its data lie beside its configuration, so that what was persisted is there again after a restart.
 * @param password of the account that the services use
 */
export function redisReplica(
  { restart, ...options }: RedisOptions & { readonly restart: RestartPolicy },
  password: string,
): ReplicaPlan {
  return {
    name: 'redis-1',
    service: 'redis',
    run: { kind: 'tool', tool: 'redis-server', args: ({ directory }: Addresses) => [join(directory, 'redis.conf')] },
    protocol: 'redis',
    ready: { kind: 'redis', username: REDIS_USER, password },
    coldStartMs: 0,
    uses: [],
    restart,
    environment: () => ({}),
    files: ({ listen, directory }) => renderRedisConfig(options, { listen, directory, password }),
  };
}
