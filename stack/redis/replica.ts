import { join } from 'node:path';
import { zoneOf } from '../naming.ts';
import type { RestartPolicy } from '../options.ts';
import type { Addresses, ServicePlan, TopologyParts } from '../replica-plan.ts';
import type { RedisOptions } from './options.ts';
import { REDIS_USER, renderRedisConfig } from './render-redis-config.ts';

/** Plan of a stack's Redis. Data and configuration share a directory, so that persisted data survives a restart. */
export function redisReplica(
  { restart, ...options }: RedisOptions & { readonly restart: RestartPolicy },
  { redisPassword: password, zones, options: { gateway } }: TopologyParts,
): ServicePlan {
  // What was accepted must not be lost.
  const { flush = gateway.batch === 'off' ? 'every-second' : 'always' } = options;
  return {
    name: 'redis',
    service: 'redis',
    zone: zoneOf('redis', zones),
    run: { kind: 'tool', tool: 'redis-server', args: ({ directory }: Addresses) => [join(directory, 'redis.conf')] },
    protocol: 'redis',
    redis: options,
    ready: { kind: 'redis', username: REDIS_USER, password },
    restart,
    files: async ({ listen, directory }) => renderRedisConfig({ ...options, flush }, { listen, directory, password }),
  };
}
