import { validateHeaderValue } from 'node:http';
import type { HttpRequest } from '../../request/request.ts';

/**
 * Serialises an HTTP/1.1 request, head and body. Framing headers of the scenario are ignored.
 * @param prefix path of the target's URL, without a trailing slash
 * @param host value of `Host` unless the scenario sets one
 * @param keepAlive whether another request may follow on its connection
 * @throws TypeError for a header value with a line break
 */
export function requestText(
  request: Omit<HttpRequest, 'promptTokens'>,
  prefix: string,
  host: string,
  keepAlive = true,
): string {
  const { method, path, headers, body } = request;
  let head = '';
  let hasHost = false;
  for (const name in headers) {
    const lower = name.toLowerCase();
    if (FRAMING.has(lower)) continue;
    hasHost ||= lower === 'host';
    const value = headers[name]!;
    validateHeaderValue(name, value);
    head += `${name}: ${value}\r\n`;
  }
  if (!hasHost) head = `host: ${host}\r\n${head}`;
  if (body !== '') head += `content-length: ${Buffer.byteLength(body)}\r\n`;
  else if (EXPECTS_BODY.has(method)) head += 'content-length: 0\r\n';
  return `${method} ${prefix}${path} HTTP/1.1\r\n${head}connection: ${keepAlive ? 'keep-alive' : 'close'}\r\n\r\n${body}`;
}

const FRAMING = new Set(['content-length', 'transfer-encoding', 'connection']);
/** Methods whose requests state a length of 0 when they have no body (RFC 9110, section 8.6). */
const EXPECTS_BODY = new Set(['POST', 'PUT', 'PATCH']);
