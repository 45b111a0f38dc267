import type { ServerResponse } from 'node:http';

/** `type` of an OpenAI error object, as far as a gateway produces it. */
export type ApiErrorType = 'invalid_request_error' | 'requests' | 'server_error';

/** An answer that ends a request early. `code` is stable; `param` names the offending field or is null. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly type: ApiErrorType;
  readonly code: string;
  readonly param: string | null;
  /** Extra response headers, names and values in turn. */
  readonly headers: readonly string[];

  constructor(status: number, code: string, message: string, param: string | null = null, headers: string[] = []) {
    super(message);
    this.status = status;
    this.type = status >= 500 ? 'server_error' : status === 429 ? 'requests' : 'invalid_request_error';
    this.code = code;
    this.param = param;
    this.headers = headers;
  }
}

/** The JSON text of an error, as OpenAI's API writes it: `{"error":{message,type,param,code}}`. */
export function errorBody(error: Pick<ApiError, 'message' | 'type' | 'param' | 'code'>): string {
  const { message, type, param, code } = error;
  return JSON.stringify({ error: { message, type, param, code } });
}

/** Answers with JSON text. `headers`: names and values in turn. */
export function sendJson(response: ServerResponse, status: number, body: string, headers: readonly string[]): void {
  const length = String(Buffer.byteLength(body));
  response.writeHead(status, ['content-type', 'application/json', 'content-length', length, ...headers]);
  response.end(body);
}
