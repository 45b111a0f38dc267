import type { ServerResponse } from 'node:http';

/** `type` of an OpenAI error object: the values that the gateway produces. */
type ApiErrorType = 'invalid_request_error' | 'requests' | 'insufficient_quota' | 'server_error';

/** Error response that ends a request early. `code` is stable; `param` names the offending field or is null. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly type: ApiErrorType;
  readonly code: string;
  readonly param: string | null;
  /** Additional response headers: alternating names and values. */
  readonly headers: readonly string[];

  constructor(status: number, code: string, message: string, param: string | null = null, headers: string[] = []) {
    super(message);
    this.status = status;
    this.type = typeOf(status, code);
    this.code = code;
    this.param = param;
    this.headers = headers;
  }
}

/** Error of something that the gateway needs and that is down for the moment: a 503 that may be tried again in a second. */
export function unavailable(code: string, message: string): ApiError {
  return new ApiError(503, code, message, null, ['retry-after', '1']);
}

function typeOf(status: number, code: string): ApiErrorType {
  if (code === 'insufficient_quota') return code;
  return status >= 500 ? 'server_error' : status === 429 ? 'requests' : 'invalid_request_error';
}

/** JSON text of an error in the format of OpenAI's API: `{"error":{message,type,param,code}}`. */
export function errorBody(error: Pick<ApiError, 'message' | 'type' | 'param' | 'code'>): string {
  const { message, type, param, code } = error;
  return JSON.stringify({ error: { message, type, param, code } });
}

/** Sends JSON text as the response. `headers`: alternating names and values. */
export function sendJson(response: ServerResponse, status: number, body: string, headers: readonly string[]): void {
  const length = String(Buffer.byteLength(body));
  response.writeHead(status, ['content-type', 'application/json', 'content-length', length, ...headers]);
  response.end(body);
}
