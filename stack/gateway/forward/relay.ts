import { errorBody } from '../http/api-error.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Deadlines } from './deadlines.ts';

/** Headers that belong to one connection (RFC 9110, 7.6.1), and those that the gateway sets itself. */
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
]);

/** Passes an upstream's answer to the client: every chunk at once, nothing parsed, nothing kept. */
export class Relay {
  readonly #exchange: Exchange;
  #length = -1;
  #ended = false;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** Writes status and headers; they leave with the first chunk. */
  begin(status: number, headers: Readonly<Record<string, string | string[] | undefined>>): void {
    this.#exchange.eventStream = isEventStream(headers['content-type']);
    this.#exchange.response.writeHead(status, relayedHeaders(this.#exchange, headers));
    this.#length = Number(headers['content-length'] ?? -1);
  }

  /** Returns false when the client must be waited for (`drain`). */
  write(chunk: Buffer): boolean {
    const { response } = this.#exchange;
    if (chunk.length !== this.#length) return response.write(chunk);
    // The whole answer in one chunk: headers, body and end leave in one system call.
    this.#ended = true;
    response.end(chunk);
    return true;
  }

  end(): void {
    if (!this.#ended) this.#exchange.response.end();
  }
}

/** The upstream's end-to-end headers and the gateway's own, names and values in turn. */
export function relayedHeaders(
  exchange: Exchange,
  headers: Readonly<Record<string, string | string[] | undefined>>,
): string[] {
  const relayed = exchange.headers();
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined || NOT_RELAYED.has(name)) continue;
    // The client asks this gateway, so this gateway's limits are the ones to tell.
    if (exchange.limits.length > 0 && name.startsWith('ratelimit-')) continue;
    if (typeof value === 'string') relayed.push(name, value);
    else for (const one of value) relayed.push(name, one);
  }
  // nginx buffers proxied answers unless it is told not to.
  if (isEventStream(headers['content-type'])) relayed.push('x-accel-buffering', 'no');
  return relayed;
}

const LAST_WORDS_MS = 1000;

/**
 * Ends an answer that broke off after its first byte, so that nobody can take it for complete: an event stream gets an
 * error event (no `[DONE]`), then the connection is destroyed before the answer's proper end.
 *
 * The leading blank line closes an event that was cut in two.
 */
export function breakOff(exchange: Exchange, code: string, message: string, deadlines: Deadlines, nowMs: number): void {
  const { response } = exchange;
  if (!exchange.eventStream || response.writableNeedDrain) {
    response.destroy();
    return;
  }
  const watched = { dueMs: nowMs + LAST_WORDS_MS, expire: () => void response.destroy() };
  deadlines.add(watched);
  response.on('close', () => deadlines.remove(watched));
  const error = errorBody({ message, type: 'server_error', param: null, code });
  response.write(`\n\ndata: ${error}\n\n`, () => response.destroy());
}

function isEventStream(contentType: unknown): boolean {
  return typeof contentType === 'string' && contentType.startsWith('text/event-stream');
}
