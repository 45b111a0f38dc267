import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { isLoopback } from '../host/target.ts';
import { requestTarget } from './request-target.ts';

/**
 * Why a request may come from a page of another site in somebody's browser, which can reach any local address, and with a name of its own
 * that resolves to it (DNS rebinding) also read the response; undefined if it cannot. A name is a listener's own if it is
 *
 * - an address of the loopback interface, or `localhost`;
 * - the address that the connection was accepted at;
 * - one of `names`, such as those of a container in its networks.
 *
 * A page of another origin is told by `Origin`, which browsers send with everything that changes something. Tools send none.
 */
export function foreignSite(request: IncomingMessage, names: readonly string[] = []): string | undefined {
  const authority = requestTarget(request)?.authority;
  if (authority === undefined)
    return request.headers.host === undefined ? undefined : 'the request has no valid target';
  if (!isOwnName(authority, [...names, request.socket.localAddress ?? '']))
    return `the host ${JSON.stringify(authority)} is not a name of this listener`;
  const { origin } = request.headers;
  if (origin === undefined || URL.parse(origin)?.host === authority.toLowerCase()) return undefined;
  return `the origin ${JSON.stringify(origin)} is another site`;
}

/** Names by which clients in containers know a program, from the environment variable `HOST_NAMES`, separated by commas. */
export function hostNames(text: string | undefined = process.env.HOST_NAMES): string[] {
  return (text ?? '').split(',').filter(name => name !== '');
}

function isOwnName(authority: string, names: readonly string[]): boolean {
  const [, bracketed, plain = bracketed] = /^(?:\[([^\]]*)\]|([^:[\]]+))(?::\d{1,5})?$/.exec(authority) ?? [];
  if (plain === undefined) return false;
  const host = plain.toLowerCase();
  if (host === 'localhost' || isLoopback(host)) return true;
  return names.some(name => name !== '' && sameHost(name.toLowerCase(), host));
}

/** An IPv4 address may be given as IPv6, such as `::ffff:10.0.0.1`. */
function sameHost(one: string, other: string): boolean {
  const plain = (host: string) => (isIP(host) === 6 ? host.replace(/^::ffff:(?=\d+\.)/, '') : host);
  return plain(one) === plain(other);
}
