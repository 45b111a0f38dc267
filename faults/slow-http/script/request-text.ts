import type { RequestTarget } from '../attack.ts';

/** A request's first line and headers without the empty line that ends them. */
export function requestHead(
  { host, authorization, credentials = {} }: RequestTarget,
  method: string,
  path: string,
  headers: readonly string[] = [],
): string {
  const all = { ...(authorization === '' ? {} : { authorization }), ...credentials };
  const own = Object.entries(all).map(
    ([name, value]) => `${name === 'authorization' ? 'Authorization' : name}: ${value}`,
  );
  return [`${method} ${path} HTTP/1.1`, `Host: ${host}`, ...own, ...headers, ''].join('\r\n');
}

/** A whole request with a JSON body. */
export function jsonRequest(
  target: RequestTarget,
  path: string,
  body: string,
  headers: readonly string[] = [],
): string {
  const bytes = Buffer.from(body).toString('latin1');
  const head = requestHead(target, 'POST', path, [
    'Content-Type: application/json',
    `Content-Length: ${bytes.length}`,
    ...headers,
  ]);
  return `${head}\r\n${bytes}`;
}
