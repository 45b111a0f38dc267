import type { OnReadOpts } from 'node:net';
import type { IdleTimer } from './idle-timer.ts';
import type { Outlet, Wire } from './wire.ts';

/** Bytes on their way or unread at the peer before a writer has to wait: the buffers of both kernels. */
const WINDOW_BYTES = 256 * 1024;
/** Size of the buffer into which Node.js reads. */
const READ_BYTES = 64 * 1024;

/**
 * What a socket knows of its connection. It is an object of its own since users of sockets give them properties as they like: an engine of
 * JavaScript finds what it looks for in objects of one shape several times faster.
 */
export class SocketState {
  wire: Wire | undefined;
  /** Chunks that have arrived and are not read, in order. */
  unread: Buffer[] = [];
  /** Whether the peer has ended its direction, and this socket its own. */
  hasFin = false;
  sentFin = false;
  /** Whether its reader takes more. */
  wantsData = false;
  /** Bytes handed to the wire, and those among them of a write that waits for the window. */
  sentBytes = 0;
  heldBytes = 0;
  /** Bytes that the peer has not read yet. */
  inFlight = 0;
  /** Called when the window is open again. */
  onWritable: (() => void) | undefined;
  /** Called when the connection is established. */
  onConnected: (() => void) | undefined;
  /** Callback of a write that waits for the connection, or for its window. */
  waiting: ((error?: Error) => void) | undefined;
  /** Whether its user resets the connection. */
  isReset = false;
  /** Where bytes that arrive go at once. */
  next: Outlet | undefined;
  /** What every further write ends with. */
  error: NodeJS.ErrnoException | undefined;
  readonly idle: IdleTimer;
  readonly onread: OnReadOpts | undefined;
  #unacknowledged = 0;

  constructor(idle: IdleTimer, onread: OnReadOpts | undefined) {
    this.idle = idle;
    this.onread = onread;
  }

  /** Whether more may be sent. */
  get isWindowOpen(): boolean {
    return this.inFlight < WINDOW_BYTES;
  }

  /** Whether `bytes` can be sent and leave the window open. */
  isFree(bytes: number): boolean {
    return this.wire !== undefined && this.error === undefined && this.inFlight + bytes < WINDOW_BYTES;
  }

  /** Sends a message on the wire, which there must be. */
  send(message: Buffer, sentMs?: number): void {
    this.idle.touch();
    this.sentBytes += message.byteLength;
    this.inFlight += message.byteLength;
    this.wire!.data(message, sentMs);
  }

  /** Ends the write that waits. */
  written(error?: Error): void {
    const callback = this.waiting;
    this.waiting = undefined;
    this.heldBytes = 0;
    callback?.(error);
  }

  /** Takes out as much of what is unread as one system call reads. The peer is told in large pieces, since it may send a window ahead. */
  takeUnread(): Buffer {
    const chunk = this.#nextUnread();
    this.acknowledge(chunk.byteLength);
    return chunk;
  }

  /** Bytes of the peer were read. */
  acknowledge(bytes: number): void {
    this.idle.touch();
    this.#unacknowledged += bytes;
    if (this.#unacknowledged < WINDOW_BYTES / 4) return;
    this.wire?.read(this.#unacknowledged);
    this.#unacknowledged = 0;
  }

  #nextUnread(): Buffer {
    const first = this.unread[0]!;
    if (first.byteLength > READ_BYTES) {
      this.unread[0] = first.subarray(READ_BYTES);
      return first.subarray(0, READ_BYTES);
    }
    if (this.unread.length === 1) return this.unread.pop()!;
    let [count, bytes] = [0, 0];
    for (const { byteLength } of this.unread) {
      if (bytes + byteLength > READ_BYTES) break;
      bytes += byteLength;
      count += 1;
    }
    return Buffer.concat(this.unread.splice(0, count));
  }
}
