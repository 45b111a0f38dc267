import type { Ending, RequestTarget } from '../attack.ts';
import { jsonRequest, requestHead } from './request-text.ts';

/** One malformed request. */
export interface MalformedShape {
  readonly name: string;
  /** `http`: the message itself is broken; `json`: only its body. */
  readonly group: 'http' | 'json';
  readonly text: string;
  /** Sends FIN after the text, so that the server knows that it is complete. */
  readonly end?: boolean;
  /** Correct statuses other than 4xx: RFC 9112 requires 501 for unknown transfer codings (§6.1). */
  readonly acceptedStatuses?: readonly number[];
  /** Whether one normal response is correct too, for a message that a server may either reject or read in only one way. */
  readonly mayServe?: boolean;
}

const NESTING = 100_000;
const OVERSIZE = 10_000_000_000;

/**
 * All shapes. Those for smuggling carry a second request that a server must not process: `GET /smuggled`.
 * Smuggling: RFC 9112 §11.2; both framings at once: §6.3; bad lengths: §6.3; space before the colon: §5.1; no Host: §3.2.
 */
export function malformedShapes(target: RequestTarget, path: string): readonly MalformedShape[] {
  const post = (headers: readonly string[], body: string) =>
    `${requestHead(target, 'POST', path, ['Content-Type: application/json', ...headers])}\r\n${body}`;
  const get = (headers: readonly string[]) => `${requestHead(target, 'GET', path, headers)}\r\n`;
  const smuggled = `${requestHead(target, 'GET', '/smuggled')}\r\n`;
  const chunk = `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`;
  const http = (name: string, text: string, rest: Partial<MalformedShape> = {}): MalformedShape => ({
    name,
    group: 'http',
    text,
    ...rest,
  });
  const json = (name: string, body: string): MalformedShape => ({
    name,
    group: 'json',
    text: jsonRequest(target, path, body, ['Connection: close']),
  });
  return [
    http(
      'content-length and chunked, smuggling behind the chunks (CL.TE)',
      post([`Content-Length: ${5 + smuggled.length}`, 'Transfer-Encoding: chunked'], `0\r\n\r\n${smuggled}`),
      { mayServe: true },
    ),
    http(
      'chunked and content-length, smuggling inside a chunk (TE.CL)',
      post(['Transfer-Encoding: chunked', `Content-Length: ${smuggled.length.toString(16).length + 2}`], chunk),
      { mayServe: true },
    ),
    http(
      'two transfer codings, one of them unknown (TE.TE)',
      post(
        ['Transfer-Encoding: chunked', 'Transfer-Encoding: x-squall', `Content-Length: ${5 + smuggled.length}`],
        `0\r\n\r\n${smuggled}`,
      ),
      { acceptedStatuses: [501] },
    ),
    http(
      'a disguised transfer coding (TE.TE)',
      post(['Transfer-Encoding: xchunked', `Content-Length: 5`], `0\r\n\r\n${smuggled}`),
      { acceptedStatuses: [501] },
    ),
    http('two different content-lengths', post(['Content-Length: 2', 'Content-Length: 7'], `{}${smuggled}`)),
    http('a negative content-length', post(['Content-Length: -2'], '{}')),
    http('a non-numeric content-length', post(['Content-Length: two'], '{}')),
    http('a content-length beyond the body', post(['Content-Length: 100'], '{"model":'), { end: true }),
    http('a non-numeric chunk size', post(['Transfer-Encoding: chunked'], 'zz\r\n{}\r\n0\r\n\r\n')),
    http('a chunk size that overflows', post(['Transfer-Encoding: chunked'], `${'f'.repeat(17)}\r\n{}\r\n`)),
    http('a space before the colon', post(['Content-Length : 2'], '{}')),
    http('a NUL in a header', get(['X-Nul: a\0b'])),
    http('a missing Host', `GET ${path} HTTP/1.1\r\n\r\n`),
    http('a random request line', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'),
    http('an announced oversize body', post([`Content-Length: ${OVERSIZE}`], 'a'.repeat(1000)), { end: true }),
    json('truncated JSON', '{"model":'),
    json('deeply nested JSON', `{"messages":${'['.repeat(NESTING)}${']'.repeat(NESTING)}}`),
    json('JSON other than an object', '[]'),
    json('a body other than JSON', '\xff\xfe\x00'),
    json('__proto__ instead of messages', '{"__proto__":{"messages":[]},"messages":"hi"}'),
  ];
}

/** Description of the server's mistake in handling a shape; undefined for none. */
export function shapeViolation(
  { name, acceptedStatuses = [], mayServe = false }: MalformedShape,
  { statuses, by }: Ending,
): string | undefined {
  const [status] = statuses;
  if (statuses.length > 1) return `${name}: ${statuses.length} responses to one request (${statuses.join(', ')})`;
  if (status === undefined) return by === 'timeout' ? `${name}: no response, connection left open` : undefined;
  if (status >= 400 && status < 500) return undefined;
  if (acceptedStatuses.includes(status) || (mayServe && status < 400)) return undefined;
  return `${name}: status ${status}, expected 4xx or a closed connection`;
}
