import { connect as connectTcp, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { HTTPParser, type OnHeadersCompleteParser } from 'http-parser-js';
import { dataOfWholeChunk } from './chunk.ts';
import { CONNECT_TIMEOUT, CONNECTION_ENDED, NOT_HTTP } from './failure.ts';

/** What becomes of one request on a connection; each is called in this order, and nothing after `onEnd` or `onError`. */
export interface Exchange {
  /** There is a connection, and the request is handed to it. */
  onSent(): void;
  /** The head of the answer. @param header finds a header by its name in lower case */
  onHead(status: number, header: (name: string) => string | undefined): void;
  /** Bytes of the body, without their framing. They are only good during the call: the next ones take their place. */
  onData(bytes: Buffer): void;
  onEnd(): void;
  onError(error: Error): void;
}

/** Where connections lead, and how. */
export interface Destination {
  readonly host: string;
  readonly port: number;
  /** Null for plain TCP. */
  readonly tls: ConnectionOptions | null;
  readonly connectTimeoutMs: number;
}

/** What sockets are read into, one at a time; a buffer for each read made half of the garbage. */
const RECEIVED = Buffer.allocUnsafeSlow(64 * 1024);
const INFORMATIONAL_BELOW = 200;

type Head = Parameters<OnHeadersCompleteParser>[0];

/** What the parser's types leave out. */
interface ParserState {
  /** What it reads next. */
  readonly state: string;
  /** What it has of a line that has not ended yet. */
  readonly line: string;
  /** Length of the chunk, or what is left of the body. */
  readonly body_bytes: number | null;
}

/**
 * One connection of HTTP/1.1, made when its first request is sent. It carries one request at a time, without pipelining. No
 * session of TLS is resumed, as by OpenAI's client for Python, so every connection sees the certificate of the moment.
 *
 * A general client costs twice the CPU (measured with undici 8: 80 against 50 µs a short request, most of which is the kernel's),
 * and load generators are judged by what is left to the service.
 */
export class Connection {
  /** Whole answers that it has carried. */
  answers = 0;
  /** How long the server said that it keeps the connection without requests, in ms. */
  keepAliveMs = Number.POSITIVE_INFINITY;
  /** Whether another request can follow. */
  isReusable = true;
  readonly #destination: Destination;
  readonly #parser = new HTTPParser(HTTPParser.RESPONSE);
  #socket: Socket | undefined;
  #exchange: Exchange | undefined;
  #isHead = false;
  #status = 0;

  constructor(destination: Destination) {
    this.#destination = destination;
    this.#parser[HTTPParser.kOnHeadersComplete] = info => this.#onHead(info);
    this.#parser[HTTPParser.kOnBody] = bytes => this.#exchange?.onData(bytes);
    this.#parser[HTTPParser.kOnMessageComplete] = () => this.#onEnd();
  }

  /** Sends a request, whole; the answer to the one before has ended. @param isHead whether the answer has no body whatever it says */
  send(request: string, isHead: boolean, exchange: Exchange): void {
    this.#exchange = exchange;
    this.#isHead = isHead;
    this.#status = 0;
    if (this.#socket) this.#write(request);
    else this.#connect(() => this.#write(request));
  }

  /** Closes it at once; the exchange under way is told nothing. */
  destroy(): void {
    this.isReusable = false;
    this.#exchange = undefined;
    this.#socket?.destroy();
  }

  #write(request: string): void {
    this.#socket!.write(request);
    this.#exchange?.onSent();
  }

  #connect(connected: () => void): void {
    const { host, port, tls, connectTimeoutMs } = this.#destination;
    const callback = (count: number, buffer: Uint8Array) => this.#onBytes(buffer as Buffer, count);
    const socket = tls
      ? connectTls({ host, port, ALPNProtocols: ['http/1.1'], ...tls })
      : connectTcp({ host, port, noDelay: true, onread: { buffer: RECEIVED, callback } });
    this.#socket = socket;
    const timer = setTimeout(() => {
      const error = new Error(`No connection within ${connectTimeoutMs} ms`);
      socket.destroy(Object.assign(error, { code: CONNECT_TIMEOUT }));
    }, connectTimeoutMs);
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer);
      connected();
    });
    if (tls) socket.setNoDelay().on('data', (bytes: Buffer) => this.#onBytes(bytes, bytes.length));
    socket.once('end', () => this.#onClose());
    socket.once('error', error => this.#fail(error));
    socket.once('close', () => {
      clearTimeout(timer);
      this.#onClose();
    });
  }

  /** What comes without being asked for, or is not HTTP, ends the connection. */
  #onBytes(bytes: Buffer, count: number): true {
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
    if (taken instanceof Error) this.#refuse(taken.message);
  }

  #onHead({ statusCode, headers, shouldKeepAlive, upgrade }: Head): number {
    const exchange = this.#exchange;
    this.#status = statusCode;
    if (statusCode < INFORMATIONAL_BELOW && !upgrade) return 0;
    const header = (name: string) => headerValue(headers, name);
    if (!exchange || upgrade) return this.#refuse('An answer that was not asked for');
    if (!/^\d+$/.test(header('content-length') ?? '0')) return this.#refuse('A length that is no number');
    this.isReusable = shouldKeepAlive || (this.#isHead && header('connection') !== 'close');
    const seconds = /timeout=(\d+)/.exec(header('keep-alive') ?? '')?.[1];
    if (seconds) this.keepAliveMs = Number(seconds) * 1000;
    exchange.onHead(statusCode, header);
    return this.#isHead ? 1 : 0;
  }

  #onEnd(): void {
    const exchange = this.#exchange;
    if (!exchange || this.#status < INFORMATIONAL_BELOW) return;
    // The parser takes a chunk whose length is no number for the last one.
    if (Number.isNaN((this.#parser as unknown as ParserState).body_bytes)) {
      this.#refuse('A chunk without a length');
      return;
    }
    this.#exchange = undefined;
    this.answers += 1;
    // What is not yet sent of a request was not waited for, and is not the beginning of the next one.
    this.isReusable &&= this.#socket!.writableLength === 0;
    exchange.onEnd();
  }

  /** The parser goes on to the end of its bytes, which are nobody's any more. */
  #refuse(why: string): 0 {
    this.#fail(Object.assign(new Error(why), { code: NOT_HTTP }));
    return 0;
  }

  /** An answer without a length ends with its connection. */
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

/** Of names and values in turn, names in any case. */
function headerValue(headers: readonly string[], name: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    const found = headers[i]!;
    if (found.length === name.length && found.toLowerCase() === name) return headers[i + 1];
  }
  return undefined;
}
