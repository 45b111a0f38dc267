import type { Ending, RequestTarget } from '../attack.ts';
import { jsonRequest, requestHead } from './request-text.ts';

/** One malformed request. */
export interface MalformedShape {
  readonly name: string;
  /** `http`: the message itself is broken; `json`: only its body is. */
  readonly group: 'http' | 'json';
  readonly text: string;
  /** Ends its sending side after the text, so that the server knows that nothing more comes. */
  readonly end?: boolean;
  /** Statuses beside 4xx that are right: RFC 9112 asks for 501 on unknown transfer codings (§6.1). */
  readonly also?: readonly number[];
  /** One ordinary answer is right too, as for a message that a server may either refuse or read in one way alone. */
  readonly mayServe?: boolean;
}

const NESTING = 100_000;
const OVERSIZE = 10_000_000_000;

/**
 * The shapes, for one target. The smuggling ones carry a second request that a server must not see: `GET /smuggled`.
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
      { also: [501] },
    ),
    http(
      'a transfer coding in disguise (TE.TE)',
      post(['Transfer-Encoding: xchunked', `Content-Length: 5`], `0\r\n\r\n${smuggled}`),
      { also: [501] },
    ),
    http('two different content-lengths', post(['Content-Length: 2', 'Content-Length: 7'], `{}${smuggled}`)),
    http('a negative content-length', post(['Content-Length: -2'], '{}')),
    http('a content-length that is no number', post(['Content-Length: two'], '{}')),
    http('a content-length beyond what comes', post(['Content-Length: 100'], '{"model":'), { end: true }),
    http('a chunk size that is no number', post(['Transfer-Encoding: chunked'], 'zz\r\n{}\r\n0\r\n\r\n')),
    http('a chunk size that overflows', post(['Transfer-Encoding: chunked'], `${'f'.repeat(17)}\r\n{}\r\n`)),
    http('a space before the colon', post(['Content-Length : 2'], '{}')),
    http('a NUL in a header', get(['X-Nul: a\0b'])),
    http('no Host', `GET ${path} HTTP/1.1\r\n\r\n`),
    http('a request line of noise', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'),
    http('an oversize body announced', post([`Content-Length: ${OVERSIZE}`], 'a'.repeat(1000)), { end: true }),
    json('JSON that breaks off', '{"model":'),
    json('JSON nested deeply', `{"messages":${'['.repeat(NESTING)}${']'.repeat(NESTING)}}`),
    json('JSON that is no object', '[]'),
    json('no JSON at all', '\xff\xfe\x00'),
    json('a __proto__ for messages', '{"__proto__":{"messages":[]},"messages":"hi"}'),
  ];
}

/** What a server did wrong with a shape, in words; undefined when it did nothing wrong. */
export function judgeShape({ name, also = [], mayServe = false }: MalformedShape, ending: Ending): string | undefined {
  const [status] = ending.statuses;
  if (ending.statuses.length > 1)
    return `${name}: ${ending.statuses.length} answers to one request (${ending.statuses.join(', ')})`;
  if (status === undefined) return ending.by === 'silence' ? `${name}: neither answered nor closed` : undefined;
  if (status >= 400 && status < 500) return undefined;
  if (also.includes(status) || (mayServe && status < 400)) return undefined;
  return `${name}: answered ${status}, expected 4xx or a closed connection`;
}
