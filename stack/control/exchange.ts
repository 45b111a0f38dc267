import type { IncomingMessage, ServerResponse } from 'node:http';
import { readText } from '../observability/bounded-text.ts';

/** Maximum size of a request body, in bytes. */
const MAX_BODY_BYTES = 1 << 20;

/** Error response in plain text, as in Consul's agent. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/** One request and its response. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
  /** Aborts when the client disconnects and when the service stops. */
  readonly signal: AbortSignal;
}

/** Handler of one path; `parameter` is the segment captured by its pattern. */
export type Handler = (exchange: Exchange, parameter: string) => Promise<void> | void;

/** Path and its methods. The pattern may capture one parameter. */
export interface Route {
  /** Label in metrics. */
  readonly name: string;
  readonly pattern: RegExp;
  readonly methods: Readonly<Record<string, Handler>>;
}

/**
 * Reads a request's JSON body.
 * @throws HttpError 400 for invalid JSON, 413 for an oversized body
 */
export async function readJson({ request }: Exchange): Promise<unknown> {
  const text = await readText(request, MAX_BODY_BYTES);
  if (text === null) throw new HttpError(413, 'Request body too large', { connection: 'close' });
  try {
    return JSON.parse(text);
  } catch {
    throw new HttpError(400, 'Request decode failed: the body is not JSON');
  }
}

/** Sends a JSON document. */
export function sendJson(
  to: Pick<Exchange, 'response'>,
  status: number,
  document: unknown,
  headers: HttpError['headers'] = {},
): void {
  sendText(to, status, JSON.stringify(document), { 'content-type': 'application/json', ...headers });
}

/** Sends text; empty text without a content type, as Consul's agent does. `headers` may set another one. */
export function sendText(
  { response }: Pick<Exchange, 'response'>,
  status: number,
  text: string,
  headers: HttpError['headers'] = {},
): void {
  if (response.destroyed || response.headersSent) return;
  const type = text === '' ? {} : { 'content-type': 'text/plain; charset=utf-8' };
  response.writeHead(status, { ...type, 'content-length': Buffer.byteLength(text), ...headers });
  response.end(text);
}
