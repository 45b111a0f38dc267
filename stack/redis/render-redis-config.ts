import { createHash } from 'node:crypto';
import type { RedisOptions } from './options.ts';

/** The account that services of the stack use. */
export const REDIS_USER = 'squall';

/** Where a Redis listens and keeps its files, and who may use it. */
export interface RedisPlace {
  /** `host:port`. */
  readonly listen: string;
  /** Absolute; configuration and data lie in it. */
  readonly directory: string;
  /** Of {@link REDIS_USER}, printable ASCII. Only its SHA-256 is written. */
  readonly password: string;
}

/**
 * The configuration files of one Redis server, by name; it is started with the path of `redis.conf`.
 *
 * Bound to the given address alone, protected mode on. The default account is off, so nothing works without the password; the
 * stack's account may do everything but administer the server. Snapshots are off in both persistence profiles: they fork, and a fork under
 * memory pressure is a fault that nobody asked for. Not done: TLS, replication, cluster.
 */
export function renderRedisConfig(options: RedisOptions, { listen, directory, password }: RedisPlace) {
  const [host = '', port = ''] = splitAddress(listen);
  const lines = [
    `bind ${host}`,
    `port ${port}`,
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
    'appendfsync everysec',
    'no-appendfsync-on-rewrite yes',
  ];
  const secret = createHash('sha256').update(password).digest('hex');
  const users = [
    'user default reset off',
    `user ${REDIS_USER} reset on #${secret} ~* &* +@all -@admin -@dangerous +info`,
  ];
  return { 'redis.conf': `${lines.join('\n')}\n`, 'users.acl': `${users.join('\n')}\n` };
}

function splitAddress(address: string): [string, string] {
  const at = address.lastIndexOf(':');
  return [address.slice(0, at).replaceAll(/[[\]]/g, ''), address.slice(at + 1)];
}

/** As redis.conf quotes: in double quotes with backslash escapes. */
function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}
