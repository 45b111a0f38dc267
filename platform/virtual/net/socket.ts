import type { Server, Socket } from 'node:net';
import type { ConnectOptions, Endpoint } from '../../../harness/host/network.ts';
import type { Owner, VirtualTime } from '../../../harness/virtual/virtual-time.ts';
import { DirectSocket } from './direct-socket.ts';
import { IdleTimer } from './idle-timer.ts';
import { SocketState } from './socket-state.ts';
import { closedBeforeConnection, handOver, type Outlet, socketError, type Wire } from './wire.ts';

/** A server counts its connections, to know when it has closed. */
interface Counting extends Server {
  _connections: number;
  pauseOnConnect?: boolean;
  _emitCloseIfDrained(): void;
}

/** The part of a stream's state that is looked at for each read; its getters cost more than all else of that. */
interface ReadableState {
  readonly flowing: boolean | null;
  readonly length: number;
  readonly decoder: unknown;
  readonly dataEmitted: boolean;
}

/**
 * One end of a connection in memory, which behaves to its user as a `net.Socket`: events and their order, half-close, back pressure,
 * reset, timeouts, addresses and errors. A contract test runs the same scripts over this and over TCP. Not implemented: `pipe` to a
 * file descriptor, pausing by `onread`, Unix sockets, the type of service.
 *
 * ```
 *  write ─► window ─► Wire ═══ delay ═══► Wire ─► unread ─► push ─► 'data'
 *             ▲                                              │
 *             └──────────────── read(bytes) ◄────────────────┘
 * ```
 */
export class VirtualSocket extends DirectSocket {
  bytesRead = 0;
  timeout: number | undefined;
  /** Server that accepted it; `node:http` looks at it. */
  server: Server | undefined;
  readonly #time: VirtualTime;
  readonly #owner: Owner;
  readonly #state: SocketState;
  #onClose: () => void;

  constructor(time: VirtualTime, owner: Owner, local: Endpoint, peer: ConnectOptions, onClose: () => void) {
    super(local, peer, { allowHalfOpen: peer.allowHalfOpen ?? false, emitClose: false });
    this.#time = time;
    this.#owner = owner;
    this.#onClose = onClose;
    this.#state = new SocketState(new IdleTimer(time, owner, () => this.emit('timeout')), peer.onread);
  }

  /** As `net.Socket#bytesWritten`: with what still waits to be sent. */
  get bytesWritten(): number {
    return this.#state.sentBytes - this.#state.heldBytes + this.writableLength + this.corkedBytes;
  }

  /** As `net.Socket#setTimeout`: `timeout` is told after `ms` without a byte in either direction. */
  setTimeout(ms: number, callback?: () => void): this {
    if (this.destroyed) return this;
    this.timeout = ms;
    if (callback) {
      this.removeListener('timeout', callback);
      if (ms > 0) this.once('timeout', callback);
    }
    this.#state.idle.restart(ms);
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
    this.#state.isReset = true;
    this.destroy();
    return this;
  }

  /** The connection is established. */
  established(wire: Wire): void {
    if (this.destroyed) {
      wire.rst();
      return;
    }
    this.#state.wire = wire;
    this.connecting = false;
    this.#state.idle.touch();
    this.emit('connect');
    this.emit('ready');
    this.#state.onConnected?.();
    if (!this.isPaused()) this.read(0);
    if (this.#state.wantsData) this.#deliver();
  }

  /** The connection is established, and waits for its program to accept it. */
  queued(wire: Wire): void {
    this.#state.wire = wire;
  }

  /** `server` accepts the connection. */
  acceptedBy(server: Counting): void {
    this.connecting = false;
    if (server._connections >= (server.maxConnections ?? Number.POSITIVE_INFINITY)) {
      server.emit('drop', this.address());
      this.abandon();
      return;
    }
    this.server = server;
    server._connections += 1;
    if (server.pauseOnConnect) this.pause();
    server.emit('connection', this);
    if (!this.isPaused()) this.read(0);
  }

  /** The connection could not be established. */
  refused(error: NodeJS.ErrnoException): void {
    this.destroy(error);
  }

  /** Its kernel takes in a chunk that has arrived. @returns whether it is still open; a closed one responds with a reset */
  takesIn(chunk: Buffer): boolean {
    if (this.destroyed) this.#state.wire?.rst();
    else this.#state.unread.push(chunk);
    return !this.destroyed;
  }

  /** Its program reads what has arrived. */
  readArrived(): void {
    const state = this.#state;
    while (state.wantsData && state.unread.length > 0 && this.#isFlowing()) {
      const chunk = state.takeUnread();
      this.bytesRead += chunk.byteLength;
      this.emit('data', chunk);
    }
    if (state.wantsData) this.#deliver();
  }

  /** Lets what it receives go to `next` past its program, see `Network.splice`. */
  spliceTo(next: Outlet | undefined): void {
    this.#state.next = next;
  }

  /** Where `bytes` of its peer go past its program, if they may: nothing waits here or there. They count as read. */
  next(bytes: number): Outlet | undefined {
    const { next, unread, wantsData } = this.#state;
    if (!next?.isDirect(bytes) || !wantsData || unread.length > 0 || !this.#isFlowing()) return undefined;
    this.bytesRead += bytes;
    this.#state.acknowledge(bytes);
    return next;
  }

  /** The peer has ended its direction. */
  receivedFin(): void {
    this.#state.hasFin = true;
    if (this.#state.wantsData) this.#deliver();
  }

  /** The peer has reset the connection. */
  receivedRst(): void {
    this.#state.wire = undefined;
    if (this.destroyed) return;
    const isEnded = this.readableEnded || (this.#state.hasFin && this.#state.unread.length === 0); // Only a write notices.
    this.#state.error = socketError(isEnded ? 'EPIPE' : 'ECONNRESET', isEnded ? 'write' : 'read');
    if (isEnded && !this.#state.onWritable) return;
    this.destroy(this.#state.error);
  }

  /** The peer has read bytes. */
  peerRead(bytes: number): void {
    this.#state.inFlight -= bytes;
    if (!this.#state.isWindowOpen) return;
    this.#state.idle.touch();
    const resume = this.#state.onWritable;
    this.#state.onWritable = undefined;
    resume?.();
  }

  /** Forgets its user, who is dead, and closes as the kernel does it. */
  abandon(): void {
    this.#state.idle.restart(0);
    this.#closeWire();
    this.removeAllListeners();
    this.on('error', () => {});
    super.destroy();
  }

  protected override isFree(bytes: number): boolean {
    return this.#state.isFree(bytes);
  }

  override send(message: Buffer, sentMs?: number): void {
    this.#state.send(message, sentMs);
  }

  override _read(): void {
    this.#state.wantsData = true;
    if (this.#state.wire) this.#deliver();
  }

  override _write(chunk: Buffer, _encoding: string, callback: (error?: Error | null) => void): void {
    const state = this.#state;
    state.waiting = callback;
    if (this.connecting) {
      state.onConnected = () => this._write(chunk, _encoding, callback);
      return;
    }
    if (state.error || !state.wire) {
      state.idle.touch();
      state.written(state.error ?? socketError('EPIPE', 'write'));
      return;
    }
    this.send(chunk);
    state.heldBytes = chunk.byteLength;
    if (state.isWindowOpen) state.written();
    else state.onWritable = () => state.written();
  }

  /** All that waits goes as one message, as one system call writes it. */
  override _writev(chunks: { chunk: Buffer }[], callback: (error?: Error | null) => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'buffer' as BufferEncoding, callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    if (this.connecting) {
      this.#state.onConnected = () => this._final(callback);
      return;
    }
    this.#state.sentFin = true;
    this.#state.wire?.fin();
    this.#time.after(0, callback, this.#owner);
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    const { waiting } = this.#state;
    const wasConnecting = this.connecting;
    this.#state.waiting = undefined;
    this.connecting = false;
    this.#state.idle.restart(0);
    this.#closeWire();
    callback(error);
    const close = () => {
      this.#state.heldBytes = 0;
      if (!wasConnecting) waiting?.(socketError('ECANCELED', 'write'));
      this.emit('close', error !== null);
      if (wasConnecting) waiting?.(closedBeforeConnection());
    };
    this.#time.after(0, close, this.#owner);
    const server = this.server as Counting | undefined;
    if (!server) return;
    server._connections -= 1;
    server._emitCloseIfDrained();
  }

  /** What is unread when a socket is closed, or was never accepted, makes the kernel reset the connection. */
  #closeWire(): void {
    const wire = this.#state.wire;
    this.#onClose();
    this.#state.onWritable = undefined;
    if (!wire) return;
    if (this.#state.isReset || this.connecting || this.#state.unread.length > 0) wire.rst();
    else if (!this.#state.sentFin) wire.fin();
    this.#state.sentFin = true;
  }

  /** Whether what is read can go to its listeners past the queue of the stream, which would hand it on at once, and then keep books. */
  #isFlowing(): boolean {
    const { flowing, length, decoder, dataEmitted } = (this as unknown as { _readableState: ReadableState })
      ._readableState;
    return flowing === true && length === 0 && !decoder && dataEmitted && this.#state.onread === undefined;
  }

  #deliver(): void {
    const state = this.#state;
    while (state.wantsData && state.unread.length > 0) {
      const chunk = state.takeUnread();
      this.bytesRead += chunk.byteLength;
      state.wantsData = state.onread ? handOver(chunk, state.onread) : this.push(chunk);
    }
    if (state.unread.length > 0 || !state.hasFin || this.readableEnded) return;
    state.wantsData = false;
    this.push(null);
    if (this.readableLength === 0) this.read(0);
  }
}

/** As what its users know it. */
export const asSocket = (socket: VirtualSocket): Socket => socket as unknown as Socket;
