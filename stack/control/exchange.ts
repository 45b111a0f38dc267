import type { IncomingMessage, ServerResponse } from 'node:http';
import { HttpError } from './http-error.ts';

/** Largest body that is read, in bytes. */
const MAX_BODY_BYTES = 1 << 20;

/** One request on its way to its answer. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
  /** Aborts when the client leaves, and when the service stops. */
  readonly signal: AbortSignal;
}

/** Serves one path; `parameter` is what its pattern caught. */
export type Handler = (exchange: Exchange, parameter: string) => Promise<void> | void;

/** One path and its methods. The pattern may catch one parameter. */
export interface Route {
  /** For metrics. */
  readonly name: string;
  readonly pattern: RegExp;
  readonly methods: Readonly<Record<string, Handler>>;
}

/**
 * Reads a request's JSON body.
 * @throws HttpError 400 for what is no JSON, 413 for what is too large
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
    throw new HttpError(400, 'Request decode failed: the body is no JSON');
  }
}

/** Answers with a JSON document. */
export function sendJson(
  { response }: Pick<Exchange, 'response'>,
  status: number,
  document: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  send(response, status, 'application/json', JSON.stringify(document), headers);
}

/** Answers with text; an empty one has no content type, as Consul's agent does it. */
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
