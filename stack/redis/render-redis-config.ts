import { createHash } from 'node:crypto';
import type { Addresses } from '../replica-plan.ts';
import type { RedisOptions } from './options.ts';

/** Redis user of the stack's services. */
export const REDIS_USER = 'squall';

/** Location of a Redis and the password of {@link REDIS_USER}, printable ASCII. Only its SHA-256 is written. */
type Place = Pick<Addresses, 'listen' | 'directory'> & { readonly password: string };

/**
 * Renders the configuration files of a Redis server, by name; it must be started with the path of `redis.conf`.
 *
 * The server binds only to the given address, in protected mode. The default user is off, so the password is always required; the
 * stack's user may run all but administrative commands. Snapshots are always off, since their forks would be an unintended fault
 * under memory pressure. Not implemented: TLS, replication, cluster.
 */
export function renderRedisConfig(options: RedisOptions, { listen, directory, password }: Place) {
  const at = listen.lastIndexOf(':');
  const lines = [
    `bind ${listen.slice(0, at).replaceAll(/[[\]]/g, '')}`,
    `port ${listen.slice(at + 1)}`,
    'protected-mode yes',
    `dir ${quoted(directory)}`,
    `aclfile ${quoted(`${directory}/users.acl`)}`,
    'daemonize no',
    'logfile ""',
    'tcp-keepalive 60',
    `maxmemory ${options.maxMemoryMb}mb`,
    `maxmemory-policy ${options.eviction}`,
    'lazyfree-lazy-eviction yes',
    'save ""',
    `appendonly ${options.persistence === 'append-only' ? 'yes' : 'no'}`,
    `appendfsync ${options.flush === 'always' ? 'always' : 'everysec'}`,
    `no-appendfsync-on-rewrite ${options.flush === 'always' ? 'no' : 'yes'}`,
  ];
  const secret = createHash('sha256').update(password).digest('hex');
  const users = [
    // Nobody can be it. When Redis 7.0 loads its append-only file, transactions and scripts with several writes run as this user, and are lost without it.
    'user default reset off ~* +@write',
    `user ${REDIS_USER} reset on #${secret} ~* &* +@all -@admin -@dangerous +info`,
  ];
  return { 'redis.conf': `${lines.join('\n')}\n`, 'users.acl': `${users.join('\n')}\n` };
}

/** Quoted as in redis.conf: in double quotes with backslash escapes. */
function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}
