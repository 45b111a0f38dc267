import type { OnReadOpts } from 'node:net';
import type { Endpoint } from '../../../harness/host/network.ts';

/** What the two ends of a connection tell each other; each call arrives later, in order. */
export interface Wire {
  /** @param sentMs when it is sent, in ms of virtual time, if not now */
  data(chunk: Buffer, sentMs?: number): void;
  fin(): void;
  rst(): void;
  /** `bytes` were read, so that as many may follow. */
  read(bytes: number): void;
}

/** A socket through which bytes leave that its program has not seen. */
export interface Outlet {
  /** Whether `bytes` need not wait. */
  isDirect(bytes: number): boolean;
  /** @param sentMs when they leave, in ms of virtual time, if not now */
  send(message: Buffer, sentMs?: number): void;
}

/** Numbers of the errors, as on Linux. */
const ERRNO = { ECONNREFUSED: -111, ECONNRESET: -104, EPIPE: -32, ETIMEDOUT: -110, ECANCELED: -125 } as const;

/** An error as `node:net` makes it. */
export function socketError(
  code: keyof typeof ERRNO,
  syscall: 'connect' | 'read' | 'write',
  peer?: Endpoint,
): NodeJS.ErrnoException {
  const at = peer ? ` ${peer.host}:${peer.port}` : '';
  const details = peer ? { address: peer.host, port: peer.port } : {};
  return Object.assign(new Error(`${syscall} ${code}${at}`), { errno: ERRNO[code], code, syscall, ...details });
}

/** Error of a write whose connection never came. */
export function closedBeforeConnection(): NodeJS.ErrnoException {
  const error = new Error('Socket closed before the connection was established');
  return Object.assign(error, { code: 'ERR_SOCKET_CLOSED_BEFORE_CONNECTION' });
}

/** Copies `chunk` to the buffer of its reader, piece by piece. */
export function handOver(chunk: Buffer, { buffer, callback }: OnReadOpts): true {
  const into = typeof buffer === 'function' ? buffer() : buffer;
  for (let from = 0; from < chunk.byteLength; from += into.byteLength) {
    const piece = chunk.subarray(from, from + into.byteLength);
    into.set(piece);
    callback(piece.byteLength, into);
  }
  return true;
}
