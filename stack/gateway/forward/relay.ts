import { writePiece } from '../../chunked-body.ts';
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
]);

/** Fields that change how the message before them is read (RFC 9110, 6.5.1). */
const NOT_IN_TRAILERS = /^(?:content-|host$|set-cookie$|authorization$|www-authenticate$|cache-control$)/;

/** Relays an upstream's response to the client, chunk by chunk and byte for byte. */
export class Relay {
  readonly #exchange: Exchange;
  #length = -1;
  #ended = false;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** Writes status and headers, which are sent with the first chunk. */
  begin(status: number, headers: UpstreamHeaders): void {
    this.#exchange.eventStream = isEventStream(headers['content-type']);
    const { response, request } = this.#exchange;
    const relayed = relayedHeaders(this.#exchange, headers);
    // Only a chunked response has any.
    const { trailer } = headers;
    if (typeof trailer === 'string' && headers['content-length'] === undefined && request.httpVersion === '1.1')
      relayed.push('trailer', trailer);
    response.writeHead(status, relayed);
    this.#length = Number(headers['content-length'] ?? -1);
  }

  /** Writes a chunk; false when the caller must wait for `drain`. */
  write(chunk: Buffer): boolean {
    const { response } = this.#exchange;
    if (chunk.length !== this.#length) return writePiece(response, chunk);
    // The whole response in one chunk: headers, body and end are sent in one system call.
    this.#ended = true;
    response.end(chunk);
    return true;
  }

  end(trailers: UpstreamHeaders = {}): void {
    if (this.#ended) return;
    const { response } = this.#exchange;
    for (const name in trailers)
      if (!NOT_RELAYED.has(name) && !NOT_IN_TRAILERS.test(name)) response.addTrailers([[name, `${trailers[name]}`]]);
    response.end();
  }
}

/** Sends a response as a whole. Its length is that of `body`, even if the upstream announced more. */
export function relayWhole(exchange: Exchange, { status, headers, body }: UpstreamResponse): void {
  const length = { 'content-length': String(body.length) };
  exchange.response.writeHead(status, relayedHeaders(exchange, { ...headers, ...length }));
  exchange.response.end(body);
}

/** The upstream's end-to-end headers and the gateway's own: alternating names and values. */
function relayedHeaders(exchange: Exchange, headers: UpstreamHeaders): string[] {
  const relayed = exchange.headers();
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined || NOT_RELAYED.has(name)) continue;
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
