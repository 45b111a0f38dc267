import { isIP } from 'node:net';
import type { Network } from '../../harness/host/network.ts';

/** Host and port for `net`; an empty host means every interface. */
interface Address {
  readonly host: string;
  readonly port: number;
}

/**
 * Splits `host:port`, `:port` and `[v6]:port`; empty text is any interface and any port, as in Go's `net.Listen`.
 * @throws Error with the message of Go's net package
 */
export function parseAddress(text: string): Address {
  if (text === '') return { host: '', port: 0 };
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d*)$/.exec(text);
  if (!match) throw new Error(`address ${text}: ${text.includes(':') ? 'invalid' : 'missing port in'} address`);
  const port = Number(match[3]);
  if (port > 65_535) throw new Error(`address ${match[3]}: invalid port`);
  return { host: match[1] ?? match[2] ?? '', port };
}

/** `127.0.0.1:80`, `[::1]:80`. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * The address with its host name resolved, IPv4 first.
 * @throws Error for an invalid address or an unknown name
 */
export async function resolveAddress(text: string, network: Network): Promise<Address> {
  const { host, port } = parseAddress(text);
  if (host === '' || isIP(host)) return { host, port };
  const [address] = await network.lookup(host);
  return { host: address!, port };
}
