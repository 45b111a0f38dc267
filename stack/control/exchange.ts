import type { IncomingMessage, ServerResponse } from 'node:http';
import { HttpError } from './http-error.ts';

/** Maximum size of a request body, in bytes. */
const MAX_BODY_BYTES = 1 << 20;

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
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new HttpError(413, 'Request body too large', { connection: 'close' });
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new HttpError(400, 'Request decode failed: the body is not JSON');
  }
}

/** Sends a JSON document. */
export function sendJson(
  { response }: Pick<Exchange, 'response'>,
  status: number,
  document: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  send(response, status, 'application/json', JSON.stringify(document), headers);
}

/** Sends text. An empty text has no content type, as in Consul's agent. */
export function sendText(
  { response }: Pick<Exchange, 'response'>,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  send(response, status, text === '' ? undefined : 'text/plain; charset=utf-8', text, headers);
}

function send(
  response: ServerResponse,
  status: number,
  type: string | undefined,
  body: string,
  headers: Readonly<Record<string, string>>,
): void {
  if (response.destroyed || response.headersSent) return;
  response.writeHead(status, {
    ...(type ? { 'content-type': type } : {}),
    'content-length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
}
