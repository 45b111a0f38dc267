import type { OnReadOpts, Server, Socket } from 'node:net';
import type { ConnectOptions, Endpoint } from '../../../harness/host/network.ts';
import type { Owner, VirtualTime } from '../../../harness/virtual/virtual-time.ts';
import { DirectSocket } from './direct-socket.ts';
import { IdleTimer } from './idle-timer.ts';
import { handOver, socketError, type Wire } from './wire.ts';

/** A server counts its connections, to know when it has closed. */
interface Counting extends Server {
  _connections: number;
  _emitCloseIfDrained(): void;
}

/** Bytes on their way or unread at the peer before a writer has to wait: the buffers of both kernels. */
const WINDOW_BYTES = 256 * 1024;
/** Size of the buffer into which Node.js reads. */
const READ_BYTES = 64 * 1024;

/**
 * One end of a connection in memory, which behaves to its user as a `net.Socket`: events and their order, half-close, back pressure,
 * reset, timeouts, addresses and errors. A contract test runs the same scripts over this and over TCP. Not implemented: `pipe` to a
 * file descriptor, `onread`, Unix sockets, the type of service.
 *
 * ```
 *  write ─► window ─► Wire ═══ delay ═══► Wire ─► unread ─► push ─► 'data'
 *             ▲                                              │
 *             └──────────────── read(bytes) ◄────────────────┘
 * ```
 */
export class VirtualSocket extends DirectSocket {
  bytesRead = 0;
  timeout = 0;
  /** Server that accepted it; `node:http` looks at it. */
  server: Server | undefined;
  readonly #time: VirtualTime;
  readonly #owner: Owner;
  #wire: Wire | undefined;
  #unread: Buffer[] = [];
  #hasFin = false;
  #wantsData = false;
  #inFlight = 0;
  /** Bytes handed to the wire, and those among them of a write that waits for the window. */
  #sentBytes = 0;
  #heldBytes = 0;
  #unacknowledged = 0;
  #onWritable: (() => void) | undefined;
  #onConnected: (() => void) | undefined;
  #isReset = false;
  #sentFin = false;
  #error: NodeJS.ErrnoException | undefined;
  readonly #idle: IdleTimer;
  readonly #onread: OnReadOpts | undefined;
  #onClose: () => void;

  constructor(time: VirtualTime, owner: Owner, local: Endpoint, peer: ConnectOptions, onClose: () => void) {
    super(local, peer, { allowHalfOpen: peer.allowHalfOpen ?? false, emitClose: false });
    this.#time = time;
    this.#owner = owner;
    this.#onClose = onClose;
    this.#onread = peer.onread;
    this.#idle = new IdleTimer(time, owner, () => this.emit('timeout'));
  }

  /** As `net.Socket#bytesWritten`: with what still waits to be sent. */
  get bytesWritten(): number {
    return this.#sentBytes - this.#heldBytes + this.writableLength + this.corkedBytes;
  }

  /** As `net.Socket#setTimeout`: `timeout` is told after `ms` without a byte in either direction. */
  setTimeout(ms: number, callback?: () => void): this {
    this.timeout = ms;
    if (callback) {
      this.removeListener('timeout', callback);
      if (ms > 0) this.once('timeout', callback);
    }
    this.#idle.restart(ms);
    return this;
  }

  /** As `net.Socket#destroySoon`: closes once everything is written. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  /** As `net.Socket#resetAndDestroy`: the peer sees a reset. */
  resetAndDestroy(): this {
    if (this.connecting) {
      this.once('connect', () => this.resetAndDestroy());
      return this;
    }
    this.#isReset = true;
    this.destroy();
    return this;
  }

  /** The connection is established. */
  established(wire: Wire): void {
    if (this.destroyed) {
      wire.rst();
      return;
    }
    this.#wire = wire;
    this.connecting = false;
    this.#idle.touch();
    this.emit('connect');
    this.emit('ready');
    this.#onConnected?.();
    if (!this.isPaused()) this.read(0);
    if (this.#wantsData) this.#deliver();
  }

  /** The connection is established, and waits for its program to accept it. */
  queued(wire: Wire): void {
    this.#wire = wire;
  }

  /** `server` accepts the connection. */
  acceptedBy(server: Server): void {
    this.connecting = false;
    this.server = server;
    (server as Counting)._connections += 1;
    server.emit('connection', this);
    if (!this.isPaused()) this.read(0);
  }

  /** The connection could not be established. */
  refused(error: NodeJS.ErrnoException): void {
    this.connecting = false;
    this.destroy(error);
  }

  /** Its kernel takes in a chunk that has arrived. @returns whether it is still open; a closed one responds with a reset */
  takesIn(chunk: Buffer): boolean {
    if (this.destroyed) this.#wire?.rst();
    else this.#unread.push(chunk);
    return !this.destroyed;
  }

  /** Its program reads what has arrived. */
  readArrived(): void {
    if (this.#wantsData) this.#deliver();
  }

  /** The peer has ended its direction. */
  receivedFin(): void {
    this.#hasFin = true;
    if (this.#wantsData) this.#deliver();
  }

  /** The peer has reset the connection. */
  receivedRst(): void {
    this.#wire = undefined;
    if (this.destroyed) return;
    const isEnded = this.readableEnded || (this.#hasFin && this.#unread.length === 0); // Only a write notices.
    this.#error = socketError(isEnded ? 'EPIPE' : 'ECONNRESET', isEnded ? 'write' : 'read');
    if (isEnded && !this.#onWritable) return;
    this.destroy(this.#error);
  }

  /** The peer has read bytes. */
  peerRead(bytes: number): void {
    this.#inFlight -= bytes;
    if (this.#inFlight >= WINDOW_BYTES) return;
    this.#idle.touch();
    const resume = this.#onWritable;
    this.#onWritable = undefined;
    resume?.();
  }

  /** Forgets its user, who is dead, and closes as the kernel does it. */
  abandon(): void {
    this.#idle.restart(0);
    this.#closeWire();
    this.removeAllListeners();
    this.on('error', () => {});
    super.destroy();
  }

  protected override isFree(bytes: number): boolean {
    return this.#wire !== undefined && this.#error === undefined && this.#inFlight + bytes < WINDOW_BYTES;
  }

  protected override send(message: Buffer): void {
    this.#idle.touch();
    this.#sentBytes += message.byteLength;
    this.#inFlight += message.byteLength;
    this.#wire!.data(message);
  }

  override _read(): void {
    this.#wantsData = true;
    if (this.#wire) this.#deliver();
  }

  override _write(chunk: Buffer, _encoding: string, callback: (error?: Error | null) => void): void {
    if (this.connecting) {
      this.#onConnected = () => this._write(chunk, _encoding, callback);
      return;
    }
    if (this.#error || !this.#wire) {
      this.#idle.touch();
      callback(this.#error ?? socketError('EPIPE', 'write'));
      return;
    }
    this.send(chunk);
    if (this.#inFlight < WINDOW_BYTES) {
      callback();
      return;
    }
    this.#heldBytes = chunk.byteLength;
    this.#onWritable = () => {
      this.#heldBytes = 0;
      callback();
    };
  }

  /** All that waits goes as one message, as one system call writes it. */
  override _writev(chunks: { chunk: Buffer }[], callback: (error?: Error | null) => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'buffer' as BufferEncoding, callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    if (this.connecting) {
      this.#onConnected = () => this._final(callback);
      return;
    }
    this.#sentFin = true;
    this.#wire?.fin();
    callback();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.connecting = false;
    this.#idle.restart(0);
    this.#closeWire();
    callback(error);
    this.#time.after(0, () => this.emit('close', error !== null), this.#owner);
    const server = this.server as Counting | undefined;
    if (!server) return;
    server._connections -= 1;
    server._emitCloseIfDrained();
  }

  /** What is unread when a socket is closed, or was never accepted, makes the kernel reset the connection. */
  #closeWire(): void {
    const wire = this.#wire;
    this.#onClose();
    this.#onWritable = undefined;
    if (!wire) return;
    if (this.#isReset || this.connecting || this.#unread.length > 0 || this.readableLength > 0) wire.rst();
    else if (!this.#sentFin) wire.fin();
    this.#sentFin = true;
  }

  /** Tells the peer what was read, in large pieces, since it may send a window ahead. */
  #acknowledge(bytes: number): void {
    this.#unacknowledged += bytes;
    if (this.#unacknowledged < WINDOW_BYTES / 4) return;
    this.#wire?.read(this.#unacknowledged);
    this.#unacknowledged = 0;
  }

  /** As much as one system call reads. */
  #takeUnread(): Buffer {
    if (this.#unread.length === 1) return this.#unread.pop()!;
    let [count, bytes] = [0, 0];
    while (count < this.#unread.length && bytes < READ_BYTES) bytes += this.#unread[count++]!.byteLength;
    return Buffer.concat(this.#unread.splice(0, count));
  }

  #deliver(): void {
    while (this.#wantsData && this.#unread.length > 0) {
      const chunk = this.#takeUnread();
      this.bytesRead += chunk.byteLength;
      this.#idle.touch();
      this.#acknowledge(chunk.byteLength);
      this.#wantsData = this.#onread ? handOver(chunk, this.#onread) : this.push(chunk);
    }
    if (this.#unread.length > 0 || !this.#hasFin || this.readableEnded) return;
    this.#wantsData = false;
    this.push(null);
    if (this.readableLength === 0) this.read(0);
  }
}

/** As what its users know it. */
export const asSocket = (socket: VirtualSocket): Socket => socket as unknown as Socket;
