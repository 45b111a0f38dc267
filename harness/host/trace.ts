import type { ClientRequest } from 'node:http';
import { Duplex } from 'node:stream';
import type { ConnectionOptions } from 'node:tls';
import { urlToHttpOptions } from 'node:url';
import type { Clock } from '../clock.ts';
import { tlsNameOf } from './client-tls.ts';
import { requesterOn } from './http-client.ts';
import { type Machine, type Network, tlsOver } from './network.ts';

/** Requests to send in turn on one connection, see {@link trace}. */
export interface TraceRequest {
  /** Of `GET`; not used with Redis. */
  readonly path: string;
  /** Time after which the connection is abandoned, in ms. */
  readonly limitMs: number;
  /** Number of requests; the last one has the server close the connection. @default 1 */
  readonly count?: number;
  /** Bytes by which each request is longer, in a header; with Redis the response, too. @default 0 */
  readonly padBytes?: number;
  /** Whether to connect to the service behind the link, past the fault proxy. @default false */
  readonly behind?: boolean;
}

/** What a connection showed on the wire, below TLS. Times are in ms from its beginning; 0 where there was no byte. */
export interface Trace {
  /** Beginning of the connection, on the clock. */
  readonly sentMs: number;
  /** How it ended: not established, reset, closed by the other side (FIN), or still open at the limit. */
  readonly end: 'refused' | 'reset' | 'closed' | 'open';
  /** Complete ones. */
  readonly responses: number;
  /** Received. */
  readonly bytes: number;
  readonly sentBytes: number;
  /** Sent by the time of the last complete response. */
  readonly answeredBytes: number;
  readonly firstByteMs: number;
  readonly lastByteMs: number;
  readonly endMs: number;
}

/** How to trace; `via` and `tls` as of {@link ProbeOptions}. */
export interface TraceOptions {
  readonly clock: Clock;
  readonly network: Network;
  readonly signal: AbortSignal;
  /** `host:port` to connect to. @default that of `url` */
  readonly via?: string;
  readonly tls?: ConnectionOptions;
}

/**
 * Sends requests in turn on one connection, and records what happens on the wire, below TLS, until its end:
 *
 * ```
 * connect ── handshake ── request ──▶ ◀── first byte … last byte ── end (FIN, reset)
 * ```
 *
 * `GET` for `http:` and `https:`, any response counts; `PING`, and `QUIT` at the end, for `redis:`.
 * @throws the signal's reason on abort, and nothing else
 */
export async function trace(url: string, request: TraceRequest, options: TraceOptions): Promise<Trace> {
  const { signal, via, clock, network } = options;
  signal.throwIfAborted();
  const to = new URL(url);
  const { hostname, port } = urlToHttpOptions(via === undefined ? to : new URL(`http://${via}`));
  const defaultPort = to.protocol === 'https:' ? 443 : 80;
  const wire = new Wire(hostname!, Number(port || defaultPort), { clock, network });
  const unlimit = clock.after(request.limitMs, () => wire.close());
  const onAbort = () => wire.close();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await (to.protocol === 'redis:' ? sendPings(wire, to, request) : sendGets(wire, to, request, options));
    await wire.ended;
    signal.throwIfAborted();
    return wire.trace();
  } finally {
    unlimit();
    signal.removeEventListener('abort', onAbort);
    wire.close();
  }
}

const SETTLE_MS = 5;

/** A connection whose user may end as it likes: only its peer ends the wire below. */
class Wire {
  /** What the user reads and writes. */
  readonly stream: Duplex;
  /** Resolves once the wire has ended, or was closed here. */
  readonly ended: Promise<void>;
  responses = 0;
  readonly #clock: Clock;
  readonly #sentMs: number;
  #seen = { bytes: 0, sentBytes: 0, answeredBytes: 0, firstByteMs: 0, lastByteMs: 0, endMs: 0 };
  #end: Trace['end'] | undefined;
  #connected = false;
  #close!: () => void;

  constructor(host: string, port: number, { clock, network }: Machine) {
    this.#clock = clock;
    this.#sentMs = clock.nowMs();
    const socket = network.connect({ host, port, noDelay: true, allowHalfOpen: true });
    const seen = this.#seen;
    const stream = new Duplex({
      read() {},
      write: (chunk: Buffer, _encoding, done) => {
        seen.sentBytes += chunk.byteLength;
        socket.write(chunk, () => done());
      },
    }).on('error', () => {});
    this.stream = stream;
    this.ended = new Promise(resolve => {
      const finish = (end: Trace['end']) => {
        if (this.#end) return;
        this.#end = end;
        seen.endMs = this.#nowMs();
        if (end === 'closed') stream.push(null);
        socket.destroy();
        // What has arrived is still on its way through TLS and HTTP.
        clock.after(SETTLE_MS, () => {
          stream.destroy();
          resolve();
        });
      };
      this.#close = () => finish('open');
      socket.on('connect', () => {
        this.#connected = true;
      });
      socket.on('data', chunk => {
        seen.bytes += chunk.byteLength;
        seen.lastByteMs = this.#nowMs();
        if (seen.firstByteMs === 0) seen.firstByteMs = seen.lastByteMs;
        if (!stream.destroyed) stream.push(chunk);
      });
      socket.on('end', () => finish('closed'));
      socket.on('error', () => finish(this.#connected ? 'reset' : 'refused'));
    });
  }

  /** Counts a complete response. */
  answered(): void {
    this.responses += 1;
    this.#seen.answeredBytes = this.#seen.sentBytes;
  }

  close(): void {
    this.#close();
  }

  trace(): Trace {
    return { sentMs: this.#sentMs, end: this.#end ?? 'open', responses: this.responses, ...this.#seen };
  }

  #nowMs(): number {
    return this.#clock.nowMs() - this.#sentMs;
  }
}

async function sendGets(wire: Wire, url: URL, request: TraceRequest, { tls }: TraceOptions): Promise<void> {
  const { count = 1, padBytes = 0 } = request;
  const isTls = url.protocol === 'https:';
  const stream = isTls
    ? tlsOver(wire.stream, { ALPNProtocols: ['http/1.1'], ...tlsNameOf(url.hostname), ...tls })
    : wire.stream;
  stream.on('error', () => {});
  const begin = requesterOn(stream);
  const pad = padBytes > 0 ? { 'x-padding': 'x'.repeat(padBytes) } : {};
  // All at once, so that the agent always has a next one: it closes an idle connection over which anything comes.
  const responses = Array.from({ length: count }, (_, index) => {
    const headers = { host: url.host, connection: index < count - 1 ? 'keep-alive' : 'close', ...pad };
    return responseTo(begin({ path: url.pathname + url.search, headers }), wire);
  });
  for (const response of responses) if (!(await response)) return;
}

/** Whether it got a complete response; false once the connection has ended before. */
function responseTo(request: ClientRequest, wire: Wire): Promise<boolean> {
  return new Promise(resolve => {
    const failed = () => resolve(false);
    // Bytes that are not HTTP/1.1 are an answer, too, and the last one.
    request.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code?.startsWith('HPE_')) wire.answered();
      failed();
    });
    request.on('response', response => {
      response.on('error', failed).on('aborted', failed).resume();
      response.on('end', () => {
        if (response.complete) wire.answered();
        resolve(response.complete);
      });
    });
    void wire.ended.then(failed);
    request.end();
  });
}

async function sendPings(wire: Wire, url: URL, { count = 1, padBytes = 0 }: TraceRequest): Promise<void> {
  const login = url.password && `AUTH ${url.username} ${url.password}\r\n`;
  const text = 'x'.repeat(Math.max(1, padBytes));
  const answer = `$${text.length}\r\n${text}\r\n`;
  let awaited = login ? '+OK\r\n'.length : 0;
  let received = 0;
  if (login) wire.stream.write(login);
  for (let nth = 1; nth <= count; nth += 1) {
    wire.stream.write(`PING ${text}\r\n`);
    awaited += answer.length;
    while (received < awaited) {
      const chunk = await nextChunk(wire);
      if (!chunk) return;
      received += chunk.byteLength;
    }
    wire.answered();
  }
  wire.stream.write('QUIT\r\n');
}

/** Undefined once the wire has ended. */
async function nextChunk({ stream, ended }: Wire): Promise<Buffer | undefined> {
  const chunk = stream.read() as Buffer | null;
  if (chunk) return chunk;
  const more = await Promise.race([
    new Promise<boolean>(resolve => stream.once('readable', () => resolve(true))),
    ended.then(() => false),
  ]);
  return more ? nextChunk({ stream, ended } as Wire) : undefined;
}
