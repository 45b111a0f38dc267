import { createHash } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../../harness/clock.ts';
import { RespReader } from './resp-reader.ts';

/** A command of a script or of a client; throws `RedisError` for an error reply. */
export type ScriptFunction = (
  keys: readonly string[],
  values: readonly string[],
  nowMs: number,
) => readonly (number | string)[];

/** Options of {@link inMemoryRedis}. */
export interface InMemoryRedisOptions {
  readonly username: string;
  readonly password: string;
  readonly clock: Clock;
  /** What it runs for a Lua script, by the script's SHA-1 in lower case; each has its own state. */
  readonly scripts: ReadonlyMap<string, ScriptFunction>;
}

const NOAUTH = '-NOAUTH Authentication required.\r\n';
const WRONGPASS = '-WRONGPASS invalid username-password pair or user is disabled.\r\n';
const NOPERM = "-NOPERM User squall has no permissions to run the 'config' command\r\n";

/**
 * Server that speaks as much of Redis' protocol as the stack's clients use, for virtual time, where no program can run: authentication,
 * `PING`, `QUIT`, `INFO`, `CLIENT`, and scripts, which are functions here, not Lua. A table of tests holds it to the real one. Not implemented: every
 * other command, RESP3, persistence: a restart forgets everything, as a crash of the real one without an append-only file does.
 */
export function inMemoryRedis(options: InMemoryRedisOptions): Server {
  return createServer(socket => serve(socket, options));
}

function serve(socket: Socket, options: InMemoryRedisOptions): void {
  const reader = new RespReader();
  let isAuthenticated = false;
  socket.setNoDelay(true);
  socket.on('error', () => {});
  socket.on('data', bytes => {
    let replies = '';
    for (const [name = '', ...values] of reader.read(bytes)) {
      const command = name.toUpperCase();
      if (command === 'QUIT') return void socket.end(`${replies}+OK\r\n`);
      if (command === 'AUTH') {
        // A wrong one leaves the connection as it was.
        const isRight = values[0] === options.username && values[1] === options.password;
        isAuthenticated ||= isRight;
        replies += isRight ? '+OK\r\n' : WRONGPASS;
      } else {
        replies += isAuthenticated || command === 'HELLO' ? reply(name, values, options) : NOAUTH;
      }
    }
    if (replies !== '') socket.write(replies);
  });
}

function reply(name: string, values: readonly string[], { clock, scripts }: InMemoryRedisOptions): string {
  switch (name.toUpperCase()) {
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
      const isText = name.toUpperCase() === 'EVAL';
      const script = scripts.get(isText ? createHash('sha1').update(text).digest('hex') : text.toLowerCase());
      if (!script) return '-NOSCRIPT No matching script. Please use EVAL.\r\n';
      const keys = Number(count);
      const results = script(rest.slice(0, keys), rest.slice(keys), clock.date().getTime());
      return `*${results.length}\r\n${results.map(result => (typeof result === 'number' ? `:${result}\r\n` : bulk(result))).join('')}`;
    }
    default: {
      const shown = values.map(value => `'${value}' `).join('');
      return `-ERR unknown command '${name}', with args beginning with: ${shown}\r\n`;
    }
  }
}

function bulk(text: string): string {
  return `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
}
