import type { IncomingMessage } from 'node:http';

/** Target of a request (RFC 9112, 3.2). */
export interface RequestTarget {
  /** As sent, with its bytes as Latin-1; `*` for `OPTIONS *`. */
  readonly path: string;
  /** From the question mark on, as sent; empty without one. */
  readonly query: string;
  /** `host[:port]` that the request is for; undefined only in HTTP/1.0 without `Host`. */
  readonly authority: string | undefined;
}

const ABSOLUTE = /^https?:\/\/([^/?#@]+)(\/[^?#]*)?(\?[^#]*)?$/i;

/**
 * Target of a request, in any form. The authority of an absolute one overrides `Host` (RFC 9112, 3.2.2).
 * @returns undefined for a target that is none: another scheme, without a host, with a user, or `*` without `OPTIONS`
 */
export function requestTarget({ url = '/', method, headers }: IncomingMessage): RequestTarget | undefined {
  if (url.startsWith('/')) {
    const mark = url.indexOf('?');
    const path = mark < 0 ? url : url.slice(0, mark);
    return { path, query: mark < 0 ? '' : url.slice(mark), authority: headers.host };
  }
  if (url === '*') return method === 'OPTIONS' ? { path: '*', query: '', authority: headers.host } : undefined;
  const [, authority, path = '', query = ''] = ABSOLUTE.exec(url) ?? [];
  if (authority === undefined) return undefined;
  const isServerWide = method === 'OPTIONS' && path === '' && query === '';
  return { path: isServerWide ? '*' : path || '/', query, authority };
}
