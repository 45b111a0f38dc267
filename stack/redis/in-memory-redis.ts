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
  /** Bound of the strings, of which the least recently used ones go first. @default 256 */
  readonly maxMemoryMb?: number;
}

const NOAUTH = '-NOAUTH Authentication required.\r\n';
const WRONGPASS = '-WRONGPASS invalid username-password pair or user is disabled.\r\n';
const NOPERM = "-NOPERM User squall has no permissions to run the 'config' command\r\n";

/**
 * Server that speaks as much of Redis' protocol as the stack's clients use, for virtual time, where no program can run: authentication,
 * `PING`, `QUIT`, `INFO`, `CLIENT`, `GET`, `SET` with `PX`, and scripts, which are functions here, not Lua. A table of tests holds it to the real one. Not implemented: every
 * other command, RESP3, persistence: a restart forgets everything, as a crash of the real one without an append-only file does.
 */
export function inMemoryRedis(options: InMemoryRedisOptions): Server {
  const strings = new Strings(options.maxMemoryMb ?? 256);
  return createServer(socket => serve(socket, options, strings));
}

function serve(socket: Socket, options: InMemoryRedisOptions, strings: Strings): void {
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
        replies += isAuthenticated || command === 'HELLO' ? reply(name, values, options, strings) : NOAUTH;
      }
    }
    if (replies !== '') socket.write(replies, 'latin1');
  });
}

function reply(
  name: string,
  values: readonly string[],
  { clock, scripts }: InMemoryRedisOptions,
  strings: Strings,
): string {
  const nowMs = clock.date().getTime();
  switch (name.toUpperCase()) {
    case 'PING':
      if (values.length > 1) return "-ERR wrong number of arguments for 'ping' command\r\n";
      return values[0] === undefined ? '+PONG\r\n' : bulk(values[0]);
    case 'CLIENT':
    case 'SELECT':
      return '+OK\r\n';
    case 'INFO':
      return bulk('# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n# Persistence\r\nloading:0\r\n');
    case 'GET': {
      if (values.length !== 1) return "-ERR wrong number of arguments for 'get' command\r\n";
      const value = strings.get(values[0]!, nowMs);
      return value === undefined ? '$-1\r\n' : bulk(value);
    }
    case 'SET': {
      const [key = '', value = '', unit, ttl = ''] = values;
      if (values.length < 2) return "-ERR wrong number of arguments for 'set' command\r\n";
      if (unit !== undefined && (unit.toUpperCase() !== 'PX' || values.length !== 4)) return '-ERR syntax error\r\n';
      if (unit !== undefined && !/^-?\d{1,15}$/.test(ttl)) return '-ERR value is not an integer or out of range\r\n';
      if (unit !== undefined && Number(ttl) <= 0) return "-ERR invalid expire time in 'set' command\r\n";
      strings.set(key, { value, untilMs: unit === undefined ? Number.POSITIVE_INFINITY : nowMs + Number(ttl) });
      return '+OK\r\n';
    }
    case 'CONFIG':
      return NOPERM;
    case 'EVAL':
    case 'EVALSHA': {
      const [text = '', count = '0', ...rest] = values;
      const isText = name.toUpperCase() === 'EVAL';
      const script = scripts.get(isText ? createHash('sha1').update(text).digest('hex') : text.toLowerCase());
      if (!script) return '-NOSCRIPT No matching script. Please use EVAL.\r\n';
      const keys = Number(count);
      const results = script(rest.slice(0, keys), rest.slice(keys), nowMs);
      return `*${results.length}\r\n${results.map(result => (typeof result === 'number' ? `:${result}\r\n` : bulk(result))).join('')}`;
    }
    default: {
      const shown = values.map(value => `'${value}' `).join('');
      return `-ERR unknown command '${name}', with args beginning with: ${shown}\r\n`;
    }
  }
}

/** What Redis adds to a key and its value, about. */
const KEY_OVERHEAD_BYTES = 100;

interface StringValue {
  readonly value: string;
  readonly untilMs: number;
}

/** Strings by key, in the order of their last use. */
class Strings {
  readonly #maxBytes: number;
  readonly #values = new Map<string, StringValue>();
  #bytes = 0;

  constructor(maxMemoryMb: number) {
    this.#maxBytes = maxMemoryMb * 1_048_576;
  }

  get(key: string, nowMs: number): string | undefined {
    const found = this.#values.get(key);
    if (!found) return undefined;
    this.#delete(key, found);
    if (found.untilMs <= nowMs) return undefined;
    this.set(key, found);
    return found.value;
  }

  set(key: string, value: StringValue): void {
    const old = this.#values.get(key);
    if (old) this.#delete(key, old);
    this.#values.set(key, value);
    this.#bytes += bytesOf(key, value);
    for (const [oldest, its] of this.#values) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#delete(oldest, its);
    }
  }

  #delete(key: string, value: StringValue): void {
    this.#values.delete(key);
    this.#bytes -= bytesOf(key, value);
  }
}

function bytesOf(key: string, { value }: StringValue): number {
  return key.length + value.length + KEY_OVERHEAD_BYTES;
}

function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}
