import { createHash } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../../harness/clock.ts';
import { Keyspace, RedisError, type Reply } from './keyspace.ts';
import { RespReader } from './resp-reader.ts';

/** `redis.call` of a script. @param command in upper case @throws RedisError */
export type RedisCall = (command: string, ...words: string[]) => Reply;

/** A script as a function, which may throw `RedisError` for an error reply. */
export type ScriptFunction = (
  keys: readonly string[],
  values: readonly string[],
  nowMs: number,
  call: RedisCall,
) => readonly (number | string)[];

/** Options of {@link inMemoryRedis}. */
export interface InMemoryRedisOptions {
  readonly username: string;
  readonly password: string;
  readonly clock: Clock;
  /** What it runs for a Lua script, by the script's SHA-1 in lower case; some have a state of their own. */
  readonly scripts: ReadonlyMap<string, ScriptFunction>;
  /** What it holds. A server with an append-only file that is restarted gets that of the one before. @default an empty one of 256 MB */
  readonly keyspace?: Keyspace;
}

const NOAUTH = '-NOAUTH Authentication required.\r\n';
const WRONGPASS = '-WRONGPASS invalid username-password pair or user is disabled.\r\n';
const NOPERM = "-NOPERM User squall has no permissions to run the 'config' command\r\n";

/**
 * Server that speaks as much of Redis' protocol as the stack's clients use, for virtual time, where no program can run: authentication,
 * `PING`, `QUIT`, `INFO`, `CLIENT`, the commands of {@link Keyspace}, and scripts, which are functions here, not Lua. A table of tests holds it to the
 * real one. Not implemented: every other command, RESP3.
 */
export function inMemoryRedis(options: InMemoryRedisOptions): Server {
  const { keyspace = new Keyspace() } = options;
  return createServer(socket => serve(socket, options, keyspace));
}

function serve(socket: Socket, options: InMemoryRedisOptions, keyspace: Keyspace): void {
  const reader = new RespReader();
  let isAuthenticated = false;
  socket.setNoDelay(true);
  socket.on('error', () => {});
  socket.on('data', bytes => {
    let replies = '';
    for (const [name = '', ...values] of reader.read(bytes)) {
      const command = name.toUpperCase();
      if (command === 'QUIT') return void socket.end(`${replies}+OK\r\n`, 'latin1');
      if (command === 'AUTH') {
        // A wrong one leaves the connection as it was.
        const isRight = values[0] === options.username && values[1] === options.password;
        isAuthenticated ||= isRight;
        replies += isRight ? '+OK\r\n' : WRONGPASS;
      } else {
        replies += isAuthenticated || command === 'HELLO' ? reply(name, values, options, keyspace) : NOAUTH;
      }
    }
    if (replies !== '') socket.write(replies, 'latin1');
  });
}

function reply(
  name: string,
  values: readonly string[],
  { clock, scripts }: InMemoryRedisOptions,
  keyspace: Keyspace,
): string {
  const nowMs = clock.date().getTime();
  const command = name.toUpperCase();
  switch (command) {
    case 'PING':
      if (values.length > 1) return "-ERR wrong number of arguments for 'ping' command\r\n";
      return values[0] === undefined ? '+PONG\r\n' : bulk(values[0]);
    case 'CLIENT':
    case 'SELECT':
      return '+OK\r\n';
    case 'INFO':
      return bulk('# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n# Persistence\r\nloading:0\r\n');
    case 'CONFIG':
      return NOPERM;
    case 'EVAL':
    case 'EVALSHA': {
      const [text = '', count = '0', ...rest] = values;
      const isText = command === 'EVAL';
      const script = scripts.get(isText ? createHash('sha1').update(text).digest('hex') : text.toLowerCase());
      if (!script) return '-NOSCRIPT No matching script. Please use EVAL.\r\n';
      const keys = Number(count);
      const call: RedisCall = (own, ...words) => keyspace.call(nowMs, own, words);
      return replied(() => keyspace.atomically(() => script(rest.slice(0, keys), rest.slice(keys), nowMs, call)));
    }
    default: {
      if (keyspace.has(command)) return replied(() => keyspace.call(nowMs, command, values));
      const shown = values.map(value => `'${value}' `).join('');
      return `-ERR unknown command '${name}', with args beginning with: ${shown}\r\n`;
    }
  }
}

function replied(run: () => Reply): string {
  try {
    return encoded(run());
  } catch (error) {
    if (!(error instanceof RedisError)) throw error;
    return `-${error.message}\r\n`;
  }
}

function encoded(reply: Reply): string {
  if (reply === null) return '$-1\r\n';
  if (typeof reply === 'number') return `:${reply}\r\n`;
  if (typeof reply === 'string') return bulk(reply);
  if ('status' in reply) return `+${reply.status}\r\n`;
  return `*${reply.length}\r\n${reply.map(encoded).join('')}`;
}

function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}
