/** Error reply of a command; its message begins with the error's kind: `WRONGTYPE …`. */
export class RedisError extends Error {}

/** Reply of a command: a status, an integer, a string with a byte a character, null for none, or a list. */
export type Reply = { readonly status: string } | number | string | null | readonly Reply[];

/** What is deleted when memory is short, as in `maxmemory-policy`. */
export type Eviction = 'volatile-lru' | 'allkeys-lru' | 'noeviction';

type Value = string | Map<string, string> | Map<string, number>;

interface Entry {
  readonly kind: 'string' | 'hash' | 'sorted';
  value: Value;
  untilMs: number;
  bytes: number;
}

/** What Redis adds to a key and its value, and to a field or a member, about. */
const KEY_OVERHEAD_BYTES = 100;
const FIELD_OVERHEAD_BYTES = 20;

const OK = { status: 'OK' };
const WRONG_TYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value';
const OUT_OF_MEMORY = "OOM command not allowed when used memory > 'maxmemory'.";
const NO_INTEGER = 'ERR value is not an integer or out of range';
const SYNTAX = 'ERR syntax error';

/** Commands that may need memory, which are refused when there is none. */
const GROWING = new Set(['SET', 'HSET', 'HINCRBY', 'ZADD']);
/** Fewest words after the name, and most. */
const WORDS: Readonly<Record<string, readonly [number, number]>> = {
  GET: [1, 1],
  SET: [2, Number.POSITIVE_INFINITY],
  DEL: [1, Number.POSITIVE_INFINITY],
  EXISTS: [1, 1],
  HGET: [2, 2],
  HSET: [3, Number.POSITIVE_INFINITY],
  HDEL: [2, Number.POSITIVE_INFINITY],
  HMGET: [2, Number.POSITIVE_INFINITY],
  HGETALL: [1, 1],
  HINCRBY: [3, 3],
  ZADD: [3, Number.POSITIVE_INFINITY],
  ZREM: [2, Number.POSITIVE_INFINITY],
  ZSCORE: [2, 2],
  ZCARD: [1, 1],
  ZRANGEBYSCORE: [3, 7],
  TIME: [0, 0],
};

/**
 * Keys and values of a Redis in memory: strings, hashes and sorted sets, in the order of their last use, within a bound. It outlives a server that
 * is restarted with an append-only file.
 */
export class Keyspace {
  readonly #maxBytes: number;
  readonly #eviction: Eviction;
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;
  #nowMs = 0;
  /** In a script only its first write is refused for lack of memory. */
  #hasWritten: boolean | undefined;

  constructor(maxMemoryMb = 256, eviction: Eviction = 'volatile-lru') {
    this.#maxBytes = maxMemoryMb * 1_048_576;
    this.#eviction = eviction;
  }

  /** Whether it knows a command. */
  has(command: string): boolean {
    return command in WORDS;
  }

  /** Runs a command. @param command in upper case @throws RedisError */
  call(nowMs: number, command: string, words: readonly string[]): Reply {
    const [fewest, most] = WORDS[command] ?? [0, -1];
    if (words.length < fewest || words.length > most)
      throw new RedisError(`ERR wrong number of arguments for '${command.toLowerCase()}' command`);
    this.#nowMs = nowMs;
    const isGrowing = GROWING.has(command);
    if (isGrowing && !this.#hasWritten && this.#bytes > this.#maxBytes) throw new RedisError(OUT_OF_MEMORY);
    const reply = this.#run(command, words);
    if (isGrowing || command === 'DEL' || command === 'HDEL' || command === 'ZREM') {
      if (this.#hasWritten !== undefined) this.#hasWritten = true;
      this.#evict();
    }
    return reply;
  }

  /** Runs what is one step for others. */
  atomically<T>(run: () => T): T {
    this.#hasWritten = false;
    try {
      return run();
    } finally {
      this.#hasWritten = undefined;
    }
  }

  #run(command: string, [key = '', ...rest]: readonly string[]): Reply {
    switch (command) {
      case 'TIME':
        return [String(Math.floor(this.#nowMs / 1000)), String(Math.floor(this.#nowMs % 1000) * 1000)];
      case 'GET':
        return (this.#find(key, 'string')?.value as string | undefined) ?? null;
      case 'SET':
        return this.#set(key, rest);
      case 'DEL':
        return [key, ...rest].filter(each => this.#find(each) && this.#delete(each)).length;
      case 'EXISTS':
        return this.#find(key) ? 1 : 0;
      case 'HGET':
        return this.#hash(key)?.get(rest[0]!) ?? null;
      case 'HMGET': {
        const fields = this.#hash(key);
        return rest.map(field => fields?.get(field) ?? null);
      }
      case 'HGETALL':
        return [...(this.#hash(key) ?? [])].flat();
      case 'HSET':
        if (rest.length % 2 === 1) throw new RedisError("ERR wrong number of arguments for 'hset' command");
        return this.#put(key, 'hash', pairs(rest));
      case 'HINCRBY':
        return this.#increase(key, rest[0]!, rest[1]!);
      case 'ZADD':
        return this.#put(
          key,
          'sorted',
          pairs(rest).map(([score, member]) => [member, numberOf(score)]),
        );
      case 'HDEL':
        return this.#remove(key, 'hash', rest);
      case 'ZREM':
        return this.#remove(key, 'sorted', rest);
      case 'ZSCORE': {
        const score = this.#sorted(key)?.get(rest[0]!);
        return score === undefined ? null : String(score);
      }
      case 'ZCARD':
        return this.#sorted(key)?.size ?? 0;
      default:
        return this.#range(key, rest);
    }
  }

  #set(key: string, [value = '', unit, ttl = '', ...more]: readonly string[]): Reply {
    if (unit !== undefined && (unit.toUpperCase() !== 'PX' || ttl === '' || more.length > 0))
      throw new RedisError(SYNTAX);
    if (unit !== undefined && !/^-?\d{1,15}$/.test(ttl)) throw new RedisError(NO_INTEGER);
    if (unit !== undefined && Number(ttl) <= 0) throw new RedisError("ERR invalid expire time in 'set' command");
    this.#delete(key);
    const untilMs = unit === undefined ? Number.POSITIVE_INFINITY : this.#nowMs + Number(ttl);
    this.#store(key, { kind: 'string', value, untilMs, bytes: value.length });
    return OK;
  }

  /** Adds fields or members. @returns how many are new */
  #put(key: string, kind: 'hash' | 'sorted', added: readonly (readonly [string, string | number])[]): number {
    const found = this.#find(key, kind);
    const entry = found ?? { kind, value: new Map(), untilMs: Number.POSITIVE_INFINITY, bytes: 0 };
    const values = entry.value as Map<string, string | number>;
    const before = values.size;
    if (found) this.#delete(key);
    for (const [name, value] of added) {
      entry.bytes += sizeOf(name, value) - (values.has(name) ? sizeOf(name, values.get(name)!) : 0);
      values.set(name, value);
    }
    this.#store(key, entry);
    return values.size - before;
  }

  #remove(key: string, kind: 'hash' | 'sorted', names: readonly string[]): number {
    const entry = this.#find(key, kind);
    if (!entry) return 0;
    const values = entry.value as Map<string, string | number>;
    this.#delete(key);
    let count = 0;
    for (const name of names) {
      const value = values.get(name);
      if (value === undefined) continue;
      entry.bytes -= sizeOf(name, value);
      values.delete(name);
      count += 1;
    }
    if (values.size > 0) this.#store(key, entry);
    return count;
  }

  #increase(key: string, field: string, by: string): number {
    const before = this.#hash(key)?.get(field) ?? '0';
    if (!/^-?\d{1,15}$/.test(by)) throw new RedisError(NO_INTEGER);
    if (!/^-?\d{1,15}$/.test(before)) throw new RedisError('ERR hash value is not an integer');
    const after = Number(before) + Number(by);
    this.#put(key, 'hash', [[field, String(after)]]);
    return after;
  }

  /** Members by score, then by name. */
  #range(key: string, [from = '', to = '', ...options]: readonly string[]): Reply {
    const [min, max] = [numberOf(from, 'min or max is not a float'), numberOf(to, 'min or max is not a float')];
    const words = options.map(word => word.toUpperCase());
    const hasScores = words.includes('WITHSCORES');
    const limit = words.indexOf('LIMIT');
    const [offset, count] = limit < 0 ? [0, -1] : [Number(options[limit + 1]), Number(options[limit + 2])];
    if (words.length !== (hasScores ? 1 : 0) + (limit < 0 ? 0 : 3)) throw new RedisError(SYNTAX);
    const found = [...(this.#sorted(key) ?? [])]
      .filter(([, score]) => score >= min && score <= max)
      .sort(([a, scoreA], [b, scoreB]) => scoreA - scoreB || (a < b ? -1 : 1));
    return found
      .slice(offset, count < 0 ? undefined : offset + count)
      .flatMap(([member, score]) => (hasScores ? [member, String(score)] : [member]));
  }

  #hash(key: string): ReadonlyMap<string, string> | undefined {
    return this.#find(key, 'hash')?.value as Map<string, string> | undefined;
  }

  #sorted(key: string): ReadonlyMap<string, number> | undefined {
    return this.#find(key, 'sorted')?.value as Map<string, number> | undefined;
  }

  #find(key: string, kind?: Entry['kind']): Entry | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#delete(key);
    if (entry.untilMs <= this.#nowMs) return undefined;
    this.#store(key, entry);
    if (kind !== undefined && entry.kind !== kind) throw new RedisError(WRONG_TYPE);
    return entry;
  }

  #store(key: string, entry: Entry): void {
    this.#entries.set(key, entry);
    this.#bytes += key.length + entry.bytes + KEY_OVERHEAD_BYTES;
  }

  #delete(key: string): boolean {
    const entry = this.#entries.get(key);
    if (!entry) return false;
    this.#bytes -= key.length + entry.bytes + KEY_OVERHEAD_BYTES;
    return this.#entries.delete(key);
  }

  #evict(): void {
    if (this.#eviction === 'noeviction') return;
    for (const [key, { untilMs }] of this.#entries) {
      if (this.#bytes <= this.#maxBytes) return;
      if (this.#eviction === 'allkeys-lru' || Number.isFinite(untilMs)) this.#delete(key);
    }
  }
}

function pairs(words: readonly string[]): [string, string][] {
  return Array.from({ length: Math.floor(words.length / 2) }, (_, nth) => [words[2 * nth]!, words[2 * nth + 1]!]);
}

function numberOf(text: string, error = 'value is not a valid float'): number {
  if (/^[+-]?inf(?:inity)?$/i.test(text))
    return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (!/^-?\d+(\.\d+)?$/.test(text)) throw new RedisError(`ERR ${error}`);
  return Number(text);
}

function sizeOf(name: string, value: string | number): number {
  return name.length + (typeof value === 'string' ? value.length : 8) + FIELD_OVERHEAD_BYTES;
}
