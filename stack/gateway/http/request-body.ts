import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../../harness/clock.ts';
import type { Connections } from '../connections/connections.ts';
import { bound, type ConnectionLimits } from '../connections/limits.ts';
import type { Deadlines, Watched } from '../forward/deadlines.ts';
import { ApiError } from './api-error.ts';

/** How much of an oversized body is read and discarded before the connection is destroyed, as a multiple of the limit. */
const DISCARD_RATIO = 16;

/** Dependencies of {@link readBody}. */
export interface BodyContext {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly connections: Connections;
  readonly maxBytes: number;
}

/**
 * Reads a request's body within the connection's deadlines, buffering at most `maxBytes`.
 *
 * An oversized body is rejected as early as possible. The rest is read and discarded, up to {@link DISCARD_RATIO} times the limit,
 * so that the client sees the response instead of a reset.
 * @throws ApiError 413 when the body is too large, 408 when it is too slow, 400 when it is incomplete
 */
export function readBody(request: IncomingMessage, context: BodyContext): Promise<Buffer> {
  const { maxBytes, deadlines, connections } = context;
  return new Promise((resolve, reject) => {
    const declaredBytes = Number(request.headers['content-length'] ?? 0);
    const chunks: Buffer[] = [];
    let bytes = 0;
    const deadline = new BodyDeadline(context, reason => {
      connections.recordClose(request.socket, reason);
      const message = 'The request body arrived too slowly.';
      reject(new ApiError(408, 'request_timeout', message, null, ['connection', 'close']));
    });
    const rejectTooLarge = () => {
      chunks.length = 0;
      request.resume();
      deadlines.remove(deadline);
      reject(new ApiError(413, 'body_too_large', `The request body exceeds the limit of ${maxBytes} bytes.`));
    };
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      deadline.received(bytes);
      if (bytes <= maxBytes) chunks.push(chunk);
      else if (bytes > maxBytes * DISCARD_RATIO) request.destroy();
      else rejectTooLarge();
    });
    request.on('end', () => {
      deadlines.remove(deadline);
      resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
    });
    const incomplete = () => {
      deadlines.remove(deadline);
      reject(new ApiError(400, 'body_incomplete', 'The request body is incomplete.'));
    };
    request.on('error', incomplete);
    request.on('close', () => {
      if (!request.readableEnded) incomplete();
    });
    deadlines.add(deadline);
    // The client may have gone while an earlier stage waited; no event tells that any more.
    if (request.destroyed) incomplete();
    else if (declaredBytes > maxBytes) rejectTooLarge();
  });
}

/**
 * Closes the connection of a client whose request was answered before its body was complete (a 401, for example), after a grace
 * period for sending the rest. Closing at once would reset the connection and discard the response.
 */
export function lingerForBody(request: IncomingMessage, { clock, deadlines, connections }: BodyContext): void {
  const { headers, socket } = request;
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  const { bodyMs, minBodyBytesPerSecond, bodyGraceMs } = connections.limits;
  if (!hasBody || request.complete || socket.destroyed) return;
  const allowedMs = Math.min(bound(bodyMs), minBodyBytesPerSecond === 'off' ? Number.POSITIVE_INFINITY : bodyGraceMs);
  const watched = { dueMs: clock.nowMs() + allowedMs, expire: () => connections.close(socket, 'slow-body') };
  deadlines.add(watched);
  // Once a response is sent, Node does not notify the request of the connection's close.
  const done = () => {
    deadlines.remove(watched);
    socket.off('close', done);
  };
  request.once('end', done);
  socket.once('close', done);
}

/**
 * Deadline of one body, extended by every byte:
 *
 * ```
 * due = start + min(bodyMs, bodyGraceMs + bytes / minBodyBytesPerSecond)
 * ```
 */
class BodyDeadline implements Watched {
  dueMs = 0;
  readonly #limits: ConnectionLimits;
  readonly #startMs: number;
  readonly #maxMs: number;
  readonly #onExpiry: (reason: 'slow-body' | 'body-rate') => void;

  constructor({ clock, connections }: BodyContext, onExpiry: (reason: 'slow-body' | 'body-rate') => void) {
    this.#limits = connections.limits;
    this.#startMs = clock.nowMs();
    this.#maxMs = this.#startMs + bound(this.#limits.bodyMs);
    this.#onExpiry = onExpiry;
    this.received(0);
  }

  received(bytes: number): void {
    const { bodyGraceMs, minBodyBytesPerSecond: perSecond } = this.#limits;
    const allowedMs = perSecond === 'off' ? Number.POSITIVE_INFINITY : bodyGraceMs + (1000 * bytes) / perSecond;
    this.dueMs = Math.min(this.#maxMs, this.#startMs + allowedMs);
  }

  expire(): void {
    this.#onExpiry(this.dueMs === this.#maxMs ? 'slow-body' : 'body-rate');
  }
}
