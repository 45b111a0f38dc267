import { connect, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls';
import { requireLocal } from '../../../harness/host/target.ts';
import type { Script } from '../attack.ts';
import { AnswerReader } from './answers.ts';
import type { AttackTarget } from './target.ts';

/** What a connection tells its drive. */
export interface ConnectionEvents {
  nowMs(): number;
  established(connection: Connection): void;
  /** It can be written to: now, or once the TLS handshake is done. */
  ready(connection: Connection): void;
  /** After bytes came; answers may have begun or ended. */
  received(connection: Connection): void;
  /** Once, last. */
  ended(connection: Connection, how: HowEnded): void;
}

/** `fin`, `reset`: by the server; `client`: by the attacker; `never`: it was never established; `exhausted`: for want of something here. */
export type HowEnded = 'fin' | 'reset' | 'client' | 'never' | 'exhausted';

/** All sockets read into the same memory: nothing of an answer is kept, and 10,000 buffers of 64 KiB are not affordable. */
const scratch = Buffer.alloc(65_536);
/** What Node takes of a TLS connection's bytes at once, however few are asked for. */
const TLS_READ_BYTES = 65_536;
/** One for all: each would otherwise be some 100 KB. */
let context: SecureContext | undefined;
const OUT_OF_RESOURCES = new Set(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS', 'ENOMEM', 'EADDRINUSE']);

/**
 * One connection of an attack: a raw socket that knows its turn. Behind TLS it is established when TCP is, as for a server that
 * speaks in the clear, and its turns begin after the handshake.
 */
export class Connection {
  readonly index: number;
  readonly createdMs: number;
  turn = 0;
  /** Complete answers that were counted. */
  counted = 0;
  establishedMs: number | undefined;
  /** When the last answer that it came for was complete. */
  servedMs: number | undefined;
  readonly #socket: Socket;
  readonly #events: ConnectionEvents;
  readonly #target: AttackTarget;
  readonly #read: Script['read'];
  /** Bytes behind TLS that it might have read by now, and has not. */
  #credit = 0;
  #answers: AnswerReader | undefined;
  #isOver = false;

  /** @throws SquallError `TARGET_NOT_LOCAL` before anything is sent */
  constructor(
    index: number,
    target: AttackTarget,
    source: string | undefined,
    read: Script['read'],
    events: ConnectionEvents,
  ) {
    this.index = index;
    this.createdMs = events.nowMs();
    this.#events = events;
    this.#target = target;
    this.#read = read;
    const { address, port, tls } = target;
    requireLocal(address, target);
    const options = {
      host: address,
      port,
      noDelay: true,
      ...(source === undefined ? {} : { localAddress: source }),
      allowHalfOpen: true,
      onread: {
        buffer: read === 'all' || tls ? scratch : scratch.subarray(0, read),
        callback: (count: number, bytes: Uint8Array) => this.#onRead(count, bytes),
      },
    };
    context ??= tls ? createSecureContext() : undefined;
    this.#socket = tls
      ? connectTls({ ...options, servername: tls.name, rejectUnauthorized: false, secureContext: context })
      : connect(options);
    if (read !== 'all' && !tls) this.#socket.pause();
    this.#socket.on('connect', () => {
      this.establishedMs = events.nowMs();
      events.established(this);
      if (!tls) events.ready(this);
    });
    this.#socket.on('secureConnect', () => {
      if (read !== 'all') this.#socket.pause();
      events.ready(this);
    });
    this.#socket.on('end', () => this.#end('fin'));
    this.#socket.on('error', (error: NodeJS.ErrnoException) => {
      if (this.establishedMs !== undefined) this.#end('reset');
      else this.#end(OUT_OF_RESOURCES.has(error.code ?? '') ? 'exhausted' : 'never');
    });
    this.#socket.on('close', () => this.#end('reset'));
  }

  get statuses(): readonly number[] {
    return this.#answers?.statuses ?? [];
  }

  get completeAnswers(): number {
    return this.#answers?.complete ?? 0;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  write(bytes: string): void {
    // A server that stopped reading must not fill this process's memory.
    if (this.#socket.writableLength === 0) this.#socket.write(bytes, 'latin1');
  }

  finishWriting(): void {
    this.#socket.end();
  }

  /** Lets the next few bytes in; behind TLS many more, but as rarely as keeps the rate. */
  readSome(): void {
    if (this.#target.tls) {
      this.#credit += Number(this.#read);
      if (this.#credit < TLS_READ_BYTES) return;
      this.#credit -= TLS_READ_BYTES;
    }
    this.#socket.resume();
  }

  localAddress(): readonly [string, number] | undefined {
    const { localAddress, localPort } = this.#socket;
    return localAddress === undefined || localPort === undefined ? undefined : [localAddress, localPort];
  }

  /** Ends it from this side, or notes that the other side has. */
  close(how: HowEnded = 'client'): void {
    this.#end(how);
  }

  #onRead(count: number, bytes: Uint8Array): boolean {
    this.#answers ??= new AnswerReader();
    this.#answers.push(Buffer.from(bytes.buffer, bytes.byteOffset, count));
    this.#events.received(this);
    return this.#read === 'all';
  }

  #end(how: HowEnded): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events.ended(this, how);
    // A reset costs the target nothing to remember, and leaves no TIME_WAIT here to run out of ports by. Node has it for bare TCP alone.
    const canReset = this.#target.tls === null && this.establishedMs !== undefined;
    if (how === 'client' && canReset) this.#socket.resetAndDestroy();
    else this.#socket.destroy();
  }
}
