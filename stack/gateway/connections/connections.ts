import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../../harness/clock.ts';
import { ApiError } from '../http/api-error.ts';
import { addressKey, forwardedAddress, type Networks, networksOf, plainAddress } from './addresses.ts';
import { type EvictionReason, Evictions, type EvictionsOptions } from './evictions.ts';
import { LastWords, rawAnswer } from './last-words.ts';
import { bound, type ConnectionLimits, checkIntervalMs } from './limits.ts';
import { resetConnection } from './reset.ts';

/** What a connection is doing: nothing asked yet · a request is being read or answered · between two requests. */
export type ConnectionState = 'new' | 'active' | 'idle';

interface Connection {
  readonly socket: Duplex;
  /** What it counts as under the cap per address; undefined when it does not. */
  readonly key: string | undefined;
  /** The answers to the latest requests, in order; those that are over are only dropped when the next request comes. */
  responses: ServerResponse[];
  /** When it was first seen with nothing under way since its latest request. */
  idleSinceMs: number | undefined;
  /** Bytes that the client's side had taken when progress was last seen, and when that was. */
  takenBytes: number;
  progressMs: number | undefined;
}

/**
 * The clients' connections: how many there are, of whom, and whether they move. Every `checkIntervalMs` one pass looks for
 * those that do not take their bytes; a connection with nothing to take, such as a stream between two tokens, is left alone.
 * Deadlines for headers and for silence between requests are Node's own (see `server.ts`), those for bodies in `request-body.ts`.
 * The pass also finds who evades the former two with blank lines, which are neither silence nor the beginning of a request.
 */
export class Connections {
  readonly limits: ConnectionLimits;
  readonly #evictions: Evictions;
  readonly #lastWords: LastWords;
  readonly #clock: Clock;
  readonly #open = new Map<Duplex, Connection>();
  /** Connections, or requests under way behind trusted proxies, by address. */
  readonly #counts = new Map<string, number>();
  readonly #exempt: Networks;
  readonly #trusted: Networks;
  #watching = false;

  constructor(limits: ConnectionLimits, options: EvictionsOptions) {
    this.limits = limits;
    this.#clock = options.clock;
    this.#evictions = new Evictions(options);
    this.#lastWords = new LastWords(options.clock);
    this.#exempt = networksOf(limits.exempt);
    this.#trusted = networksOf(limits.trustedProxies);
  }

  /** Takes a new connection in, or refuses it. */
  accept(socket: Duplex): void {
    const address = plainAddress((socket as Socket).remoteAddress);
    const key = address === undefined || this.#trusted.has(address) ? undefined : this.#keyOf(address);
    const over = this.#overCap(key);
    if (over) {
      this.#evictions.note(socket, over, address);
      this.#refuse(socket, over);
      return;
    }
    const connection = { socket, key, responses: [], idleSinceMs: undefined, takenBytes: 0, progressMs: undefined };
    this.#open.set(socket, connection);
    this.#count(key, 1);
    socket.once('close', () => {
      this.#open.delete(socket);
      this.#count(key, -1);
    });
    if (!this.#watching) void this.#watch();
  }

  /**
   * Looks at a request before anything is done for it.
   * @returns an error to answer with, `ignored` when its connection is on its way out, undefined when all is well
   */
  admit(request: IncomingMessage, response: ServerResponse): ApiError | 'ignored' | undefined {
    const connection = this.#open.get(request.socket);
    if (!connection || this.evictionOf(request.socket)) return 'ignored';
    connection.idleSinceMs = undefined;
    connection.responses = underWay(connection);
    connection.responses.push(response);
    if (connection.responses.length > bound(this.limits.maxPipelined)) {
      this.evict(request.socket, 'pipelining');
      return 'ignored';
    }
    if (request.rawHeaders.length > 2 * bound(this.limits.maxHeaders)) {
      this.#evictions.note(request.socket, 'many-headers', request.socket.remoteAddress);
      const message = `The request has more than ${this.limits.maxHeaders} header fields.`;
      return new ApiError(431, 'too_many_headers', message, null, ['connection', 'close']);
    }
    return this.limits.trustedProxies.length === 0 ? undefined : this.#admitForwarded(request, response);
  }

  /**
   * Whether an answer is under way, or was given to a request that is still coming in: other text on the connection would be
   * taken for a part of it, or for the answer to a second request, and be worse than a cut.
   */
  isAnswering(socket: Duplex): boolean {
    const connection = this.#open.get(socket);
    const last = connection?.responses.at(-1);
    if (last?.headersSent && !last.req.complete) return true;
    const [first, second] = connection ? underWay(connection) : [];
    return second !== undefined || first?.headersSent === true;
  }

  /** Notes that the connection ends because of its client; closing it is up to the caller. */
  note(socket: Duplex, reason: EvictionReason): void {
    this.#evictions.note(socket, reason, (socket as Socket).remoteAddress);
  }

  /** Cuts a connection; whatever runs for it is cancelled. With a reset, unless being idle is all that its client did. */
  evict(socket: Duplex, reason: EvictionReason): void {
    this.note(socket, reason);
    if (reason === 'idle') socket.destroy();
    else resetConnection(socket);
  }

  /** Answers a connection that has no request to answer, and closes it. */
  closeWith(socket: Duplex, answer: string): void {
    this.#lastWords.say(socket, answer);
  }

  /** Why a connection was evicted; undefined when it was not. */
  evictionOf(socket: Duplex): EvictionReason | undefined {
    return this.#evictions.reasonOf(socket);
  }

  /** How many connections are in each state. */
  census(): Record<ConnectionState, number> {
    const census = { new: 0, active: 0, idle: 0 };
    for (const connection of this.#open.values()) {
      census[underWay(connection).length > 0 ? 'active' : connection.responses.length > 0 ? 'idle' : 'new'] += 1;
    }
    return census;
  }

  #refuse(socket: Duplex, over: 'full' | 'address'): void {
    const { whenFull, retryAfterSeconds } = this.limits;
    socket.on('error', () => {});
    if (whenFull === 'close') {
      socket.destroy();
      return;
    }
    const [status, message] =
      over === 'full'
        ? ['503 Service Unavailable', 'The gateway has as many connections as it can take.']
        : ['429 Too Many Requests', 'Too many connections from one address.'];
    this.closeWith(socket, rawAnswer(status, 'too_many_connections', message, `retry-after: ${retryAfterSeconds}\r\n`));
  }

  #admitForwarded(request: IncomingMessage, response: ServerResponse): ApiError | undefined {
    const proxy = plainAddress(request.socket.remoteAddress);
    if (proxy === undefined || !this.#trusted.has(proxy)) return undefined;
    const address = forwardedAddress(request.headers[this.limits.clientAddressHeader], this.#trusted);
    const key = address === undefined ? undefined : this.#keyOf(address);
    if (key === undefined) return undefined;
    if ((this.#counts.get(key) ?? 0) >= bound(this.limits.maxPerAddress)) {
      const retryAfter = ['retry-after', String(this.limits.retryAfterSeconds)];
      return new ApiError(429, 'too_many_connections', 'Too many requests of one client at once.', null, retryAfter);
    }
    this.#count(key, 1);
    response.once('close', () => this.#count(key, -1));
    return undefined;
  }

  #keyOf(address: string): string | undefined {
    return this.#exempt.has(address) ? undefined : addressKey(address);
  }

  #overCap(key: string | undefined): 'full' | 'address' | undefined {
    if (this.#open.size >= bound(this.limits.maxConnections)) return 'full';
    return key !== undefined && (this.#counts.get(key) ?? 0) >= bound(this.limits.maxPerAddress)
      ? 'address'
      : undefined;
  }

  #count(key: string | undefined, change: 1 | -1): void {
    if (key === undefined) return;
    const count = (this.#counts.get(key) ?? 0) + change;
    if (count > 0) this.#counts.set(key, count);
    else this.#counts.delete(key);
  }

  async #watch(): Promise<void> {
    const { sendMs, keepAliveMs, headersMs } = this.limits;
    const intervalMs = checkIntervalMs(this.limits);
    // By then Node has evicted who is silent, and who began a request at the last moment, each an interval late at most.
    const idleMs = bound(keepAliveMs) + bound(headersMs) + 2 * intervalMs;
    this.#watching = true;
    while (this.#open.size > 0) {
      await this.#clock.sleep(intervalMs);
      const nowMs = this.#clock.nowMs();
      for (const connection of this.#open.values()) {
        if (isStuck(connection, nowMs, bound(sendMs))) this.evict(connection.socket, 'slow-reader');
        else if (isIdle(connection, nowMs, idleMs)) this.evict(connection.socket, 'idle');
      }
    }
    this.#watching = false;
  }
}

/** Whether bytes wait for the client and none was taken for `sendMs`. Remembers the progress it sees. */
function isStuck(connection: Connection, nowMs: number, sendMs: number): boolean {
  const { socket } = connection;
  if (socket.writableLength === 0) {
    connection.progressMs = undefined;
    return false;
  }
  // Handed to the socket, less what waits in it: what the kernel has accepted.
  const takenBytes = ((socket as Socket).bytesWritten ?? 0) - socket.writableLength;
  if (connection.progressMs === undefined || takenBytes !== connection.takenBytes) {
    connection.takenBytes = takenBytes;
    connection.progressMs = nowMs;
    return false;
  }
  return nowMs - connection.progressMs >= sendMs;
}

/** Whether all was answered, and no request came, for `idleMs`. Remembers since when; `admit` forgets. */
function isIdle(connection: Connection, nowMs: number, idleMs: number): boolean {
  const last = connection.responses.at(-1);
  // A body that still comes has a deadline of its own; a connection that was ended is on its way out.
  if (!last?.req.complete || underWay(connection).length > 0 || connection.socket.writableEnded) return false;
  connection.idleSinceMs ??= nowMs;
  return nowMs - connection.idleSinceMs > idleMs;
}

/** The answers that are not whole yet, as far as the kernel has taken them. */
function underWay({ responses }: Connection): ServerResponse[] {
  return responses.filter(response => !response.writableFinished && !response.destroyed);
}
