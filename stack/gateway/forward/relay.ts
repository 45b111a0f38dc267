import { writePiece } from '../../chunked-body.ts';
import type { Guard } from '../guard/guard.ts';
import type { ResponseFilter } from '../guard/response-filter.ts';
import { errorBody } from '../http/api-error.ts';
import type { Exchange } from '../http/exchange.ts';
import type { UpstreamHeaders } from '../upstream/transport.ts';
import type { Deadlines } from './deadlines.ts';

/** Response of an upstream, or as much of it as there is. */
export interface UpstreamResponse {
  readonly status: number;
  readonly headers: UpstreamHeaders;
  readonly body: Buffer;
}

/** Headers that are not relayed: hop-by-hop headers (RFC 9110, 7.6.1) and those that the gateway sets. */
const NOT_RELAYED = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-request-id',
  'x-squall-upstream',
  'x-squall-attempts',
  'x-squall-merged',
  'x-squall-version',
  'x-priority',
]);

/** Fields that change how the message before them is read (RFC 9110, 6.5.1). */
const NOT_IN_TRAILERS = /^(?:content-|host$|set-cookie$|authorization$|www-authenticate$|cache-control$)/;

/**
 * Relays an upstream's response to the client, chunk by chunk and byte for byte, or as much of it as the guard's filter lets pass: then the
 * head waits for the first bytes, by which the length of a document is known.
 */
export class Relay {
  readonly #exchange: Exchange;
  readonly #filter: ResponseFilter | undefined;
  readonly #watermark: readonly string[];
  readonly #onRefused: () => void;
  /** Writes the head, once. */
  #writeHead: ((length?: number) => void) | undefined;
  #length = -1;
  #ended = false;

  /** @param onRefused called when the filter cannot read the response, of which nothing more is sent */
  constructor(exchange: Exchange, guard: Guard | undefined, onRefused: () => void) {
    this.#exchange = exchange;
    this.#filter = guard?.filter(exchange);
    this.#watermark = guard?.watermark ?? [];
    this.#onRefused = onRefused;
  }

  /** Whether the body is read, which it must not be encoded for. */
  get isFiltered(): boolean {
    return this.#filter !== undefined;
  }

  /** Writes status and headers, which are sent with the first chunk. */
  begin(status: number, headers: UpstreamHeaders): void {
    this.#exchange.eventStream = isEventStream(headers['content-type']);
    if (this.#filter) {
      const { 'content-length': _length, ...others } = headers;
      this.#writeHead = length =>
        this.#head(status, length === undefined ? others : { ...others, 'content-length': `${length}` });
      return;
    }
    this.#head(status, headers);
    this.#length = Number(headers['content-length'] ?? -1);
  }

  /** Writes a chunk; false when the caller must wait for `drain`. */
  write(chunk: Buffer): boolean {
    if (this.#ended) return true;
    if (this.#filter) return this.#filtered(this.#filter.push(chunk));
    const { response } = this.#exchange;
    if (chunk.length !== this.#length) return writePiece(response, chunk);
    // The whole response in one chunk: headers, body and end are sent in one system call.
    this.#ended = true;
    response.end(chunk);
    return true;
  }

  end(trailers: UpstreamHeaders = {}): void {
    if (this.#ended) return;
    this.#ended = true;
    const { response } = this.#exchange;
    const rest = this.#filter?.end();
    this.#begun(rest?.length);
    for (const name in trailers)
      if (!NOT_RELAYED.has(name) && !NOT_IN_TRAILERS.test(name)) response.addTrailers([[name, `${trailers[name]}`]]);
    if (rest && rest.length > 0) writePiece(response, rest);
    response.end();
  }

  /**
   * Sends what the filter holds back of a response that has broken off.
   * @param isToFinish whether a stream is to get a proper end
   * @returns whether it got one
   */
  cut(isToFinish: boolean): boolean {
    const { response } = this.#exchange;
    if (!this.#filter || this.#ended) return false;
    this.#ended = true;
    const rest = isToFinish ? this.#filter.finish() : undefined;
    const last = rest ?? this.#filter.cut();
    if (last.length === 0) return false;
    this.#begun();
    writePiece(response, last);
    if (rest) response.end();
    return rest !== undefined;
  }

  #head(status: number, headers: UpstreamHeaders): void {
    const { response, request } = this.#exchange;
    const relayed = relayedHeaders(this.#exchange, headers, this.#watermark);
    // Only a chunked response has any.
    const { trailer } = headers;
    if (typeof trailer === 'string' && headers['content-length'] === undefined && request.httpVersion === '1.1')
      relayed.push('trailer', trailer);
    response.writeHead(status, relayed);
  }

  #filtered(bytes: Buffer | undefined): boolean {
    if (bytes === undefined) {
      this.#ended = true;
      this.#onRefused();
      return true;
    }
    if (bytes.length === 0) return true;
    this.#begun();
    return writePiece(this.#exchange.response, bytes);
  }

  /** @param length of the whole body, where it is known */
  #begun(length?: number): void {
    this.#writeHead?.(length);
    this.#writeHead = undefined;
  }
}

/** Sends a response as a whole. Its length is that of `body`, even if the upstream announced more. */
export function relayWhole(
  exchange: Exchange,
  { status, headers, body }: UpstreamResponse,
  guard: Guard | undefined,
): void {
  const filter = guard?.filter(exchange);
  const allowed = filter ? Buffer.concat([filter.push(body) ?? Buffer.alloc(0), filter.end()]) : body;
  const length = { 'content-length': String(allowed.length) };
  exchange.response.writeHead(status, relayedHeaders(exchange, { ...headers, ...length }, guard?.watermark ?? []));
  exchange.response.end(allowed);
}

/** The upstream's end-to-end headers and the gateway's own: alternating names and values. */
function relayedHeaders(exchange: Exchange, headers: UpstreamHeaders, watermark: readonly string[]): string[] {
  const relayed = [...exchange.headers(), ...watermark];
  const ofConnection = connectionOptions(headers.connection);
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined || NOT_RELAYED.has(name) || ofConnection?.has(name) || name === watermark[0]) continue;
    // The gateway's own rate limits replace those of the upstream.
    if (exchange.rateLimitHeaders.length > 0 && name.startsWith('ratelimit-')) continue;
    // So do those of its cache.
    if (exchange.cacheHeaders.length > 0 && (name === 'x-cache' || name === 'age')) continue;
    if (exchange.corsHeaders && name.startsWith('access-control-')) continue;
    if (typeof value === 'string') relayed.push(name, value);
    else for (const one of value) relayed.push(name, one);
  }
  // nginx buffers proxied responses by default.
  if (isEventStream(headers['content-type'])) relayed.push('x-accel-buffering', 'no');
  return relayed;
}

/** Names of the headers that are for the gateway only, by the upstream's `connection`; undefined for the usual ones. */
function connectionOptions(connection: UpstreamHeaders[string]): ReadonlySet<string> | undefined {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined;
  const names = String(connection).toLowerCase().split(',');
  return new Set(names.map(name => name.trim()));
}

const ERROR_EVENT_TIMEOUT_MS = 1000;

/**
 * Aborts a response after its first byte, so that it cannot be mistaken for a complete one: an event stream ends with an error
 * event instead of `[DONE]`, then the connection is destroyed before the end of the body.
 *
 * The leading blank line terminates an event that was cut off.
 * @param lingerMs how long a client that is behind may take to read up to the error event. @default none
 */
export function abortResponse(
  exchange: Exchange,
  code: string,
  message: string,
  deadlines: Deadlines,
  nowMs: number,
  lingerMs?: number,
): void {
  const { response } = exchange;
  if (exchange.onTruncated) {
    exchange.onTruncated(code, message);
    return;
  }
  if (!exchange.eventStream || (response.writableNeedDrain && lingerMs === undefined)) {
    response.destroy();
    return;
  }
  const watched = { dueMs: nowMs + (lingerMs ?? ERROR_EVENT_TIMEOUT_MS), expire: () => void response.destroy() };
  deadlines.add(watched);
  response.on('close', () => deadlines.remove(watched));
  const error = errorBody({ message, type: 'server_error', param: null, code });
  response.write(`\n\ndata: ${error}\n\n`, () => response.destroy());
}

function isEventStream(contentType: unknown): boolean {
  return typeof contentType === 'string' && contentType.startsWith('text/event-stream');
}
