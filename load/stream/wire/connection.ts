import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { HTTPParser, type OnHeadersCompleteParser } from 'http-parser-js';
import type { Machine } from '../../../harness/host/network.ts';
import { dataOfWholeChunk } from './chunk.ts';
import { CONNECT_TIMEOUT, CONNECTION_ENDED, isHttp2Frame, NOT_HTTP, ONLY_HTTP2 } from './failure.ts';

/** Callbacks of one request on a connection, called in this order; none follows `onEnd` or `onError`. */
export interface Exchange {
  /** The connection is established and the request written. */
  onSent(): void;
  /** Head of the response. @param header finds a header by its name in lower case */
  onHead(status: number, header: (name: string) => string | undefined): void;
  /** Bytes of the body, without framing; valid only during the call, since their buffer is reused. */
  onData(bytes: Buffer): void;
  onEnd(): void;
  onError(error: Error): void;
}

/** Endpoint of connections. */
export interface Destination {
  /** Its addresses, not empty; the next one is tried where the one before cannot be connected to. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** Null for plain TCP. */
  readonly tls: ConnectionOptions | null;
  readonly machine: Machine;
  /** Limit of all attempts together; each gets an equal part of what is left. */
  readonly connectTimeoutMs: number;
  /** Called once a connection to an address is established, or could not be. */
  readonly attempted?: (address: string, isOpen: boolean) => void;
}

/** Read buffer shared by all sockets; one buffer per read made half of the garbage. */
const RECEIVED = Buffer.allocUnsafeSlow(64 * 1024);
const INFORMATIONAL_BELOW = 200;

type Head = Parameters<OnHeadersCompleteParser>[0];

/** State that the parser's types leave out. */
interface ParserState {
  /** Element it reads next. */
  readonly state: string;
  /** Beginning of an incomplete line. */
  readonly line: string;
  /** Length of the chunk, or remaining length of the body. */
  readonly body_bytes: number | null;
}

/** Errors of this machine rather than of the server, such as a missing IPv6; the error of another address says more. */
const LOCAL_ERRORS = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'ENETUNREACH']);

/**
 * HTTP/1.1 connection, established when its first request is sent. It carries one request at a time, without pipelining. TLS
 * sessions are not resumed, as in OpenAI's Python client, so every connection verifies the current certificate.
 *
 * A general-purpose client costs more CPU (undici 8: 80 instead of 50 µs per short request, most of it in the kernel), which would
 * be lost to a service on the same machine.
 */
export class Connection {
  /** Number of requests sent, and of complete responses, so far. */
  requests = 0;
  responses = 0;
  /** Whether no byte has arrived since the last request was sent. */
  isSilent = true;
  /** Whether the request to be sent is the last one, as it then says itself. */
  isLast = false;
  /** Address that it is connected to; empty before. */
  address = '';
  /** Number of reads so far. What TLS hands over piece by piece in one turn of the event loop is one read. */
  reads = 0;
  /** Idle timeout announced by the server, in ms. */
  keepAliveMs = Number.POSITIVE_INFINITY;
  /** Whether the connection can carry another request. */
  isReusable = true;
  readonly #destination: Destination;
  readonly #parser = new HTTPParser(HTTPParser.RESPONSE);
  #socket: Socket | undefined;
  #exchange: Exchange | undefined;
  #isHead = false;
  #status = 0;
  #isInTurn = false;

  constructor(destination: Destination) {
    this.#destination = destination;
    this.#parser[HTTPParser.kOnHeadersComplete] = info => this.#onHead(info);
    this.#parser[HTTPParser.kOnBody] = bytes => this.#exchange?.onData(bytes);
    this.#parser[HTTPParser.kOnMessageComplete] = () => this.#onEnd();
    const parser = this.#parser as unknown as { BODY_CHUNK: () => void } & ParserState;
    const readChunk = parser.BODY_CHUNK;
    // The parser would go back by a negative length, and read the same bytes for ever.
    parser.BODY_CHUNK = () => {
      if ((parser.body_bytes ?? 0) < 0) throw new Error('A chunk of a negative length');
      readChunk.call(parser);
    };
  }

  /** Sends a request; the previous response must have ended. @param isHead whether the response has no body, whatever its head says */
  send(request: string, isHead: boolean, exchange: Exchange): void {
    this.#exchange = exchange;
    this.#isHead = isHead;
    this.#status = 0;
    this.isSilent = true;
    this.requests += 1;
    if (this.#socket) this.#write(request);
    else this.#connect(request);
  }

  /** Closes the connection at once, without a callback to the current exchange. */
  destroy(): void {
    this.isReusable = false;
    this.#exchange = undefined;
    this.#socket?.destroy();
  }

  #write(request: string): void {
    this.#socket!.write(request);
    this.#exchange?.onSent();
  }

  /** Tries the addresses one after the other, each for an equal part of the time that is left, as Go's dialer does. */
  #connect(
    request: string,
    tried = 0,
    leftMs = this.#destination.connectTimeoutMs,
    first?: NodeJS.ErrnoException,
  ): void {
    const { addresses, port, tls, attempted, machine } = this.#destination;
    const host = addresses[tried]!;
    const callback = (count: number, buffer: Uint8Array) => {
      this.reads += 1;
      return this.#onBytes(buffer as Buffer, count);
    };
    const endpoint = { host, port, noDelay: true };
    const socket = tls
      ? machine.network.connectTls(endpoint, { ALPNProtocols: ['http/1.1'], ...tls })
      : machine.network.connect({ ...endpoint, onread: { buffer: RECEIVED, callback } });
    this.#socket = socket;
    const partMs = leftMs / (addresses.length - tried);
    let unlimit = () => {};
    const limit = (ms: number) => {
      unlimit();
      unlimit = machine.clock.after(ms, () => {
        const error = new Error(`No connection to ${host} within ${Math.round(ms)} ms`);
        socket.destroy(Object.assign(error, { code: CONNECT_TIMEOUT }));
      });
    };
    limit(partMs);
    let isReached = false;
    socket.once('connect', () => {
      isReached = true;
      // The handshake of TLS.
      limit(leftMs);
    });
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      unlimit();
      this.address = host;
      attempted?.(host, true);
      this.#write(request);
    });
    if (tls)
      socket.on('data', (bytes: Buffer) => {
        this.#countTurn();
        this.#onBytes(bytes, bytes.length);
      });
    socket.once('end', () => this.#onClose());
    socket.once('error', (error: NodeJS.ErrnoException) => {
      unlimit();
      if (isReached) return this.#fail(error);
      attempted?.(host, false);
      const told = first && !LOCAL_ERRORS.has(first.code ?? '') ? first : error;
      const restMs = error.code === CONNECT_TIMEOUT ? leftMs - partMs : leftMs;
      if (this.#exchange && tried + 1 < addresses.length) this.#connect(request, tried + 1, restMs, told);
      else this.#fail(told);
    });
    socket.once('close', () => {
      unlimit();
      if (socket === this.#socket) this.#onClose();
    });
  }

  #countTurn(): void {
    if (this.#isInTurn) return;
    this.#isInTurn = true;
    this.reads += 1;
    this.#destination.machine.clock.after(0, () => {
      this.#isInTurn = false;
    });
  }

  /** Unsolicited bytes, and bytes that are not HTTP, end the connection. */
  #onBytes(bytes: Buffer, count: number): true {
    this.isSilent = false;
    if (!this.#exchange) this.destroy();
    else {
      const { state, line } = this.#parser as unknown as ParserState;
      const data = state === 'BODY_CHUNKHEAD' && line === '' ? dataOfWholeChunk(bytes, count) : 0;
      if (data > 0) this.#exchange.onData(bytes.subarray(data, count - 2));
      else this.#parse(bytes, count);
    }
    return true;
  }

  #parse(bytes: Buffer, count: number): void {
    const taken = this.#parser.execute(bytes, 0, count);
    if (!(taken instanceof Error)) return;
    if (this.responses === 0 && isHttp2Frame(bytes.subarray(0, count)))
      this.#fail(Object.assign(new Error('The server speaks only HTTP/2'), { code: ONLY_HTTP2 }));
    else this.#reject(taken.message);
  }

  #onHead({ statusCode, headers, shouldKeepAlive, upgrade }: Head): number {
    const exchange = this.#exchange;
    this.#status = statusCode;
    if (statusCode < INFORMATIONAL_BELOW && !upgrade) return 0;
    const header = (name: string) => headerValue(headers, name);
    if (!exchange || upgrade) return this.#reject('Unsolicited response');
    if (!/^\d+$/.test(header('content-length') ?? '0')) return this.#reject('Content-Length is not a number');
    this.isReusable = shouldKeepAlive || (this.#isHead && header('connection') !== 'close');
    const seconds = /timeout=(\d+)/.exec(header('keep-alive') ?? '')?.[1];
    if (seconds) this.keepAliveMs = Number(seconds) * 1000;
    exchange.onHead(statusCode, header);
    return this.#isHead ? 1 : 0;
  }

  #onEnd(): void {
    const exchange = this.#exchange;
    if (!exchange || this.#status < INFORMATIONAL_BELOW) return;
    // The parser mistakes a chunk without a valid length for the last one.
    if (Number.isNaN((this.#parser as unknown as ParserState).body_bytes))
      return void this.#reject('A chunk without a length');
    this.#exchange = undefined;
    this.responses += 1;
    // The server responded before it read the whole request, whose rest must not precede the next one.
    this.isReusable &&= this.#socket!.writableLength === 0;
    exchange.onEnd();
  }

  /** Fails the exchange; the parser may still read its remaining bytes, which have no effect. */
  #reject(why: string): 0 {
    this.#fail(Object.assign(new Error(why), { code: NOT_HTTP }));
    return 0;
  }

  /** Also the regular end of a response without a length. */
  #onClose(): void {
    this.isReusable = false;
    if (this.#exchange && this.#status >= INFORMATIONAL_BELOW) this.#parser.finish();
    this.#fail(Object.assign(new Error('The server closed the connection'), { code: CONNECTION_ENDED }));
  }

  #fail(error: Error): void {
    const exchange = this.#exchange;
    this.destroy();
    exchange?.onError(error);
  }
}

/** Value of a header in a list of alternating names, in any case, and values. @param name in lower case */
export function headerValue(headers: readonly string[], name: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    const found = headers[i]!;
    if (found.length === name.length && found.toLowerCase() === name) return headers[i + 1];
  }
  return undefined;
}
