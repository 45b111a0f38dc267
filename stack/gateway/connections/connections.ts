import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../../harness/clock.ts';
import { ApiError } from '../http/api-error.ts';
import { addressKey, forwardedAddress, type Networks, networkSet, normalizeAddress } from './addresses.ts';
import { type CloseReason, ForcedCloses, type ForcedClosesOptions } from './forced-closes.ts';
import { bound, type ConnectionLimits, checkIntervalMs } from './limits.ts';
import { LingeringCloses, rawResponse } from './lingering-close.ts';
import { resetConnection } from './reset.ts';

interface Connection {
  readonly socket: Duplex;
  /** Key of the per-address limit; undefined when the connection is not counted. */
  readonly key: string | undefined;
  /** Responses to the latest requests, in order. Finished ones are dropped when the next request arrives. */
  responses: ServerResponse[];
  /** When the connection was first seen idle after its latest request. */
  idleSinceMs: number | undefined;
  /** Bytes accepted by the kernel when progress was last observed, and the time of that observation. */
  takenBytes: number;
  progressMs: number | undefined;
}

/**
 * Open client connections: counts, per-address counts, and detection of stalled clients. One pass every `checkIntervalMs` closes
 * connections whose clients do not read; a connection with nothing to read, such as a stream between two tokens, is left alone.
 * Node enforces the header and keep-alive deadlines (see `server.ts`), `request-body.ts` those for bodies. The pass also closes
 * connections that evade Node's deadlines by sending blank lines, which count neither as silence nor as the start of a request.
 */
export class Connections {
  readonly limits: ConnectionLimits;
  readonly #forcedCloses: ForcedCloses;
  readonly #lingeringCloses: LingeringCloses;
  readonly #clock: Clock;
  readonly #open = new Map<Duplex, Connection>();
  /** Open connections, or requests in flight behind trusted proxies, by address key. */
  readonly #counts = new Map<string, number>();
  readonly #exempt: Networks;
  readonly #trusted: Networks;
  #watching = false;

  constructor(limits: ConnectionLimits, options: ForcedClosesOptions) {
    this.limits = limits;
    this.#clock = options.clock;
    this.#forcedCloses = new ForcedCloses(options);
    this.#lingeringCloses = new LingeringCloses(options.clock);
    this.#exempt = networkSet(limits.exempt);
    this.#trusted = networkSet(limits.trustedProxies);
  }

  /** Registers a new connection, or rejects it when a limit is reached. */
  accept(socket: Duplex): void {
    // Node's own listener is gone once a `CONNECT` has come.
    socket.on('error', () => {});
    const address = normalizeAddress((socket as Socket).remoteAddress);
    const key = address === undefined || this.#trusted.has(address) ? undefined : this.#keyOf(address);
    const exceeded = this.#exceededLimit(key);
    if (exceeded) {
      this.#forcedCloses.record(socket, exceeded, address);
      this.#reject(socket, exceeded);
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
   * Checks a request before it is handled.
   * @returns an error to respond with, `ignored` when its connection is being closed, undefined when the request is admitted
   */
  admit(request: IncomingMessage, response: ServerResponse): ApiError | 'ignored' | undefined {
    const connection = this.#open.get(request.socket);
    if (!connection || this.closeReasonOf(request.socket)) return 'ignored';
    connection.idleSinceMs = undefined;
    connection.responses = unfinished(connection);
    connection.responses.push(response);
    if (connection.responses.length > bound(this.limits.maxPipelined)) {
      this.close(request.socket, 'pipelining');
      return 'ignored';
    }
    if (request.rawHeaders.length > 2 * bound(this.limits.maxHeaders)) {
      this.#forcedCloses.record(request.socket, 'many-headers', request.socket.remoteAddress);
      const message = `The request exceeds the limit of ${this.limits.maxHeaders} header fields.`;
      return new ApiError(431, 'too_many_headers', message, null, ['connection', 'close']);
    }
    return this.limits.trustedProxies.length === 0 ? undefined : this.#admitForwarded(request, response);
  }

  /**
   * Whether a response is being sent, or has been sent to a request whose body is still arriving. Any other text on the
   * connection would then be read as part of that response or as the response to another request.
   */
  isResponding(socket: Duplex): boolean {
    const connection = this.#open.get(socket);
    const last = connection?.responses.at(-1);
    if (last?.headersSent && !last.req.complete) return true;
    const [first, second] = connection ? unfinished(connection) : [];
    return second !== undefined || first?.headersSent === true;
  }

  /** Records why the gateway closes a connection. The caller closes it. */
  recordClose(socket: Duplex, reason: CloseReason): void {
    this.#forcedCloses.record(socket, reason, (socket as Socket).remoteAddress);
  }

  /** Closes a connection and cancels its requests: an idle one with a FIN, any other with a reset. */
  close(socket: Duplex, reason: CloseReason): void {
    this.recordClose(socket, reason);
    if (reason === 'idle') socket.destroy();
    else resetConnection(socket);
  }

  /** Sends a raw response on a connection without a pending request, then closes it. */
  respondAndClose(socket: Duplex, response: string): void {
    this.#lingeringCloses.respond(socket, response);
  }

  /** Why the gateway closed a connection; undefined when it did not. */
  closeReasonOf(socket: Duplex): CloseReason | undefined {
    return this.#forcedCloses.reasonOf(socket);
  }

  /** Address of a request's client: of its connection, or as a trusted proxy reports it; undefined if that reports none, and for a line of a batch. */
  addressOf({ socket, headers }: IncomingMessage): string | undefined {
    const address = normalizeAddress((socket as Socket | undefined)?.remoteAddress);
    if (address === undefined || !this.#trusted.has(address)) return address;
    return forwardedAddress(headers[this.limits.clientAddressHeader], this.#trusted);
  }

  /** Number of connections by state. `new`: no request yet · `active`: a request is being read or processed · `idle`: between requests. */
  countByState(): Record<'new' | 'active' | 'idle', number> {
    const counts = { new: 0, active: 0, idle: 0 };
    for (const connection of this.#open.values()) {
      counts[unfinished(connection).length > 0 ? 'active' : connection.responses.length > 0 ? 'idle' : 'new'] += 1;
    }
    return counts;
  }

  #reject(socket: Duplex, exceeded: 'full' | 'address'): void {
    const { whenFull, retryAfterSeconds } = this.limits;
    if (whenFull === 'close') {
      socket.destroy();
      return;
    }
    const [status, message] =
      exceeded === 'full'
        ? ['503 Service Unavailable', 'The gateway has reached its connection limit.']
        : ['429 Too Many Requests', 'Too many connections from this address.'];
    const headers = `retry-after: ${retryAfterSeconds}\r\n`;
    this.respondAndClose(socket, rawResponse(status, 'too_many_connections', message, headers));
  }

  #admitForwarded(request: IncomingMessage, response: ServerResponse): ApiError | undefined {
    const proxy = normalizeAddress(request.socket.remoteAddress);
    if (proxy === undefined || !this.#trusted.has(proxy)) return undefined;
    const address = this.addressOf(request);
    const key = address === undefined ? undefined : this.#keyOf(address);
    if (key === undefined) return undefined;
    if (this.#isFull(key)) {
      const retryAfter = ['retry-after', String(this.limits.retryAfterSeconds)];
      const message = 'Too many concurrent requests from this client.';
      return new ApiError(429, 'too_many_connections', message, null, retryAfter);
    }
    this.#count(key, 1);
    response.once('close', () => this.#count(key, -1));
    return undefined;
  }

  #keyOf(address: string): string | undefined {
    return this.#exempt.has(address) ? undefined : addressKey(address);
  }

  #exceededLimit(key: string | undefined): 'full' | 'address' | undefined {
    if (this.#open.size >= bound(this.limits.maxConnections)) return 'full';
    return key !== undefined && this.#isFull(key) ? 'address' : undefined;
  }

  #isFull(key: string): boolean {
    return (this.#counts.get(key) ?? 0) >= bound(this.limits.maxPerAddress);
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
    // Node has closed silent connections and late requests by then, each at most one interval late.
    const idleMs = bound(keepAliveMs) + bound(headersMs) + 2 * intervalMs;
    this.#watching = true;
    while (this.#open.size > 0) {
      await this.#clock.sleep(intervalMs);
      const nowMs = this.#clock.nowMs();
      for (const connection of this.#open.values()) {
        if (isStuck(connection, nowMs, bound(sendMs))) this.close(connection.socket, 'slow-reader');
        else if (isIdle(connection, nowMs, idleMs)) this.close(connection.socket, 'idle');
      }
    }
    this.#watching = false;
  }
}

/** Whether bytes have been waiting for the client without progress for `sendMs`. Updates the recorded progress. */
function isStuck(connection: Connection, nowMs: number, sendMs: number): boolean {
  const { socket } = connection;
  if (socket.writableLength === 0) {
    connection.progressMs = undefined;
    return false;
  }
  // Bytes written minus bytes still queued in the socket: what the kernel has accepted.
  const takenBytes = ((socket as Socket).bytesWritten ?? 0) - socket.writableLength;
  if (connection.progressMs === undefined || takenBytes !== connection.takenBytes) {
    connection.takenBytes = takenBytes;
    connection.progressMs = nowMs;
    return false;
  }
  return nowMs - connection.progressMs >= sendMs;
}

/** Whether the connection has had no request in flight for `idleMs`. Records when that began; `admit` resets it. */
function isIdle(connection: Connection, nowMs: number, idleMs: number): boolean {
  const last = connection.responses.at(-1);
  // A body that is still arriving has its own deadline, and an ended connection is already closing.
  if (!last?.req.complete || unfinished(connection).length > 0 || connection.socket.writableEnded) return false;
  connection.idleSinceMs ??= nowMs;
  return nowMs - connection.idleSinceMs > idleMs;
}

/** Responses that the kernel has not fully accepted yet. */
function unfinished({ responses }: Connection): ServerResponse[] {
  return responses.filter(response => !response.writableFinished && !response.destroyed);
}
