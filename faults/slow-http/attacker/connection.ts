import type { Socket } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import { tlsOptionsOf } from '../../../harness/host/client-tls.ts';
import type { Network } from '../../../harness/host/network.ts';
import { requireLocal } from '../../../harness/host/target.ts';
import { ResponseReader } from './responses.ts';
import type { AttackTarget } from './target.ts';

/** Where a connection is, and who is told of it. */
interface ConnectionContext {
  readonly network: Network;
  nowMs(): number;
  established(connection: Connection): void;
  /** It can be written to: once it is established, or its TLS handshake done. */
  ready(connection: Connection): void;
  /** Bytes arrived; responses may have begun or ended. */
  received(connection: Connection): void;
  /** Once, as the last event. */
  ended(connection: Connection, how: HowEnded): void;
}

/** `fin`, `reset`: closed by the server; `client`: by the attacker; `exhausted`: this machine lacked a port, descriptor or memory. */
export type HowEnded = 'fin' | 'reset' | 'client' | 'not-established' | 'exhausted';

/** Shared by all sockets, since responses are not kept and 10,000 buffers of 64 KiB would be too much. */
const scratch = Buffer.alloc(65_536);
/** Bytes that Node reads from a TLS connection at a time, however few are requested. */
const TLS_READ_BYTES = 65_536;
/** Shared by all connections: each would otherwise take some 100 KB. */
let context: SecureContext | undefined;
const OUT_OF_RESOURCES = new Set(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS', 'ENOMEM', 'EADDRINUSE']);

/** One connection of an attack: a raw socket with a turn counter. Behind TLS it is established when TCP is; its turns begin after the handshake. */
export class Connection {
  readonly index: number;
  readonly createdMs: number;
  turn = 0;
  /** Complete responses that were counted. */
  counted = 0;
  establishedMs: number | undefined;
  /** When its last expected response was complete. */
  servedMs: number | undefined;
  readonly #socket: Socket;
  readonly #events: ConnectionContext;
  readonly #target: AttackTarget;
  readonly #readBytes: number | undefined;
  /** Bytes behind TLS that it may have read by now but has not. */
  #credit = 0;
  #responses: ResponseReader | undefined;
  #isOver = false;

  /** @throws SquallError `TARGET_NOT_LOCAL` before anything is sent */
  constructor(
    index: number,
    target: AttackTarget,
    source: string | undefined,
    readBytes: number | undefined,
    events: ConnectionContext,
  ) {
    this.index = index;
    this.createdMs = events.nowMs();
    this.#events = events;
    this.#target = target;
    this.#readBytes = readBytes;
    const { address, port, tls } = target;
    requireLocal(address, target);
    const from = source === undefined ? {} : { localAddress: source };
    const endpoint = { host: address, port, noDelay: true, ...from, allowHalfOpen: true };
    const onread = {
      buffer: tls ? scratch : scratch.subarray(0, readBytes),
      callback: (count: number, bytes: Uint8Array) => this.#onRead(count, bytes),
    };
    context ??= tls ? createSecureContext(tlsOptionsOf(tls.client)) : undefined;
    this.#socket = tls
      ? events.network.connectTls(endpoint, {
          ...{ servername: tls.name, rejectUnauthorized: false, onread },
          ...(context && { secureContext: context }),
        })
      : events.network.connect({ ...endpoint, onread });
    if (readBytes !== undefined && !tls) this.#socket.pause();
    this.#socket.on('connect', () => {
      this.establishedMs = events.nowMs();
      events.established(this);
      if (!tls) events.ready(this);
    });
    this.#socket.on('secureConnect', () => {
      if (readBytes !== undefined) this.#socket.pause();
      events.ready(this);
    });
    this.#socket.on('end', () => this.#end('fin'));
    this.#socket.on('error', (error: NodeJS.ErrnoException) => {
      if (this.establishedMs !== undefined) this.#end('reset');
      else this.#end(OUT_OF_RESOURCES.has(error.code ?? '') ? 'exhausted' : 'not-established');
    });
    this.#socket.on('close', () => this.#end('reset'));
  }

  get statuses(): readonly number[] {
    return this.#responses?.statuses ?? [];
  }

  get completeResponses(): number {
    return this.#responses?.complete ?? 0;
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

  /** Reads the next few bytes; behind TLS many more, but at the same rate. */
  readSome(): void {
    if (this.#target.tls) {
      this.#credit += this.#readBytes!;
      if (this.#credit < TLS_READ_BYTES) return;
      this.#credit -= TLS_READ_BYTES;
    }
    this.#socket.resume();
  }

  localAddress(): readonly [string, number] | undefined {
    const { localAddress, localPort } = this.#socket;
    return localAddress === undefined || localPort === undefined ? undefined : [localAddress, localPort];
  }

  /** Closes it, or records that the server did. */
  close(how: HowEnded = 'client'): void {
    this.#end(how);
  }

  #onRead(count: number, bytes: Uint8Array): boolean {
    this.#responses ??= new ResponseReader();
    this.#responses.push(Buffer.from(bytes.buffer, bytes.byteOffset, count));
    this.#events.received(this);
    return this.#readBytes === undefined;
  }

  #end(how: HowEnded): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events.ended(this, how);
    // A reset leaves no state at the target and no TIME_WAIT here that would exhaust the ports. Node supports it for plain TCP only.
    const canReset = this.#target.tls === null && this.establishedMs !== undefined;
    if (how === 'client' && canReset) this.#socket.resetAndDestroy();
    else this.#socket.destroy();
  }
}
