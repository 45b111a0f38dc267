import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../../harness/clock.ts';
import type { Connections } from '../connections/connections.ts';
import { bound, type ConnectionLimits } from '../connections/limits.ts';
import type { Deadlines, Watched } from '../forward/deadlines.ts';
import { ApiError } from './api-error.ts';

/** How much of an oversized body is taken in before the connection is destroyed, in multiples of the limit. */
const DISCARD_RATIO = 16;

/** What reading bodies needs. */
export interface BodyContext {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly connections: Connections;
  readonly maxBytes: number;
}

/**
 * Reads a request's body once, holding at most `maxBytes`, within the deadlines of the connection's limits.
 *
 * An oversized body is refused as soon as that is certain. What is still to come is read and thrown away, so that the
 * client sees the answer instead of a reset; but not more than {@link DISCARD_RATIO} times the limit.
 * @throws ApiError 413 when it is larger, 408 when it comes too slowly, 400 when the client broke off
 */
export function readBody(request: IncomingMessage, context: BodyContext): Promise<Buffer> {
  const { maxBytes, deadlines, connections } = context;
  return new Promise((resolve, reject) => {
    const announced = Number(request.headers['content-length'] ?? 0);
    const chunks: Buffer[] = [];
    let bytes = 0;
    const pace = new Pace(context, reason => {
      connections.note(request.socket, reason);
      const message = 'The request body did not come fast enough.';
      reject(new ApiError(408, 'request_timeout', message, null, ['connection', 'close']));
    });
    const refuse = () => {
      chunks.length = 0;
      request.resume();
      deadlines.remove(pace);
      reject(new ApiError(413, 'body_too_large', `The request body is larger than ${maxBytes} bytes.`));
    };
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      pace.received(bytes);
      if (bytes <= maxBytes) chunks.push(chunk);
      else if (bytes > maxBytes * DISCARD_RATIO) request.destroy();
      else refuse();
    });
    request.on('end', () => {
      deadlines.remove(pace);
      resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
    });
    const broken = () => {
      deadlines.remove(pace);
      reject(new ApiError(400, 'body_incomplete', 'The request body broke off.'));
    };
    request.on('error', broken);
    request.on('close', () => {
      if (!request.complete) broken();
    });
    deadlines.add(pace);
    if (announced > maxBytes) refuse();
  });
}

/**
 * Gives a client that was answered before its body was complete, for example with 401, a while to send the rest: closing at once
 * would reset the connection under the answer. Then it is evicted.
 */
export function lingerOver(request: IncomingMessage, { clock, deadlines, connections }: BodyContext): void {
  const { headers, socket } = request;
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  const { bodyMs, minBodyBytesPerSecond, bodyGraceMs } = connections.limits;
  if (!hasBody || request.complete || socket.destroyed) return;
  const allowedMs = Math.min(bound(bodyMs), minBodyBytesPerSecond === 'off' ? Number.POSITIVE_INFINITY : bodyGraceMs);
  const watched = { dueMs: clock.nowMs() + allowedMs, expire: () => connections.evict(socket, 'slow-body') };
  deadlines.add(watched);
  // Node tells an answered request nothing of its connection's end.
  const over = () => {
    deadlines.remove(watched);
    socket.off('close', over);
  };
  request.once('end', over);
  socket.once('close', over);
}

/**
 * The deadline of one body, which moves on with every byte:
 *
 * ```
 * due = start + min(bodyMs, bodyGraceMs + bytes / minBodyBytesPerSecond)
 * ```
 */
class Pace implements Watched {
  dueMs = 0;
  readonly #limits: ConnectionLimits;
  readonly #startMs: number;
  readonly #latestMs: number;
  readonly #late: (reason: 'slow-body' | 'body-rate') => void;

  constructor({ clock, connections }: BodyContext, late: (reason: 'slow-body' | 'body-rate') => void) {
    this.#limits = connections.limits;
    this.#startMs = clock.nowMs();
    this.#latestMs = this.#startMs + bound(this.#limits.bodyMs);
    this.#late = late;
    this.received(0);
  }

  received(bytes: number): void {
    const { bodyGraceMs, minBodyBytesPerSecond: perSecond } = this.#limits;
    // Divided by an infinite rate nothing would be allowed; without a minimum everything is.
    const paceMs = perSecond === 'off' ? Number.POSITIVE_INFINITY : bodyGraceMs + (1000 * bytes) / perSecond;
    this.dueMs = Math.min(this.#latestMs, this.#startMs + paceMs);
  }

  expire(): void {
    this.#late(this.dueMs === this.#latestMs ? 'slow-body' : 'body-rate');
  }
}
