import { BlockList, isIP, isIPv6 } from 'node:net';

/** A set of addresses, given as addresses and networks. */
export interface Networks {
  has(address: string): boolean;
}

/** @param networks validated: `10.0.0.0/8`, `::1` */
export function networksOf(networks: readonly string[]): Networks {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return { has: address => list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4') };
}

/** The address itself: an IPv4 one that came mapped into IPv6 is unwrapped, a zone is dropped. Undefined when it is none. */
export function plainAddress(text: string | undefined): string | undefined {
  const address = text
    ?.trim()
    .replace(/%.*$/, '')
    .replace(/^::ffff:(?=\d+\.)/i, '');
  return address !== undefined && isIP(address) ? address : undefined;
}

/** What a cap counts by: an IPv4 address, or the /64 of an IPv6 one, within which a client may choose freely. */
export function addressKey(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const rest = tail === '' ? [] : tail.split(':');
    groups.push(...new Array(Math.max(0, 8 - groups.length - rest.length)).fill('0'), ...rest);
  }
  const network = groups.slice(0, 4).map(group => Number.parseInt(group, 16).toString(16));
  return `${network.join(':')}::/64`;
}

/**
 * Who sent a forwarded request: the rightmost address that is no trusted proxy. What stands left of it, the client may have
 * made up. Undefined when there is none.
 */
export function forwardedAddress(header: string | string[] | undefined, trusted: Networks): string | undefined {
  const chain = String(header ?? '').split(',');
  for (const text of chain.reverse()) {
    const address = plainAddress(text);
    if (address === undefined || !trusted.has(address)) return address;
  }
  return undefined;
}
