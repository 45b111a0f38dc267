import { BlockList, isIP, isIPv6 } from 'node:net';

/** Set of IP addresses. */
export interface Networks {
  has(address: string): boolean;
}

/**
 * Set of the addresses in `networks`.
 * @param networks validated CIDR blocks or single addresses: `10.0.0.0/8`, `::1`
 */
export function networkSet(networks: readonly string[]): Networks {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return { has: address => list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4') };
}

/** Normalized IP address: IPv4-mapped IPv6 is unwrapped, a zone id is dropped. Undefined when `text` is not an address. */
export function normalizeAddress(text: string | undefined): string | undefined {
  const address = text
    ?.trim()
    .replace(/%.*$/, '')
    .replace(/^::ffff:(?=\d+\.)/i, '');
  return address !== undefined && isIP(address) ? address : undefined;
}

/** Key of the per-address limit: the IPv4 address, or the /64 of an IPv6 address, since one client usually owns a whole /64. */
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
 * Client address of a forwarded request: the rightmost address that is not a trusted proxy; anything to the left of it can be
 * forged by the client. Undefined when there is none.
 */
export function forwardedAddress(header: string | string[] | undefined, trusted: Networks): string | undefined {
  const chain = String(header ?? '').split(',');
  for (const text of chain.reverse()) {
    const address = normalizeAddress(text);
    if (address === undefined || !trusted.has(address)) return address;
  }
  return undefined;
}
