import { lookup as systemLookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { SquallError } from '../../../harness/errors.ts';

/** Where an attack goes: an address that was looked up once and is never looked up again, or a socket in the file system. */
export interface AttackTarget {
  /** As the person wrote it. */
  readonly url: string;
  readonly socket:
    | { readonly kind: 'tcp'; readonly address: string; readonly port: number }
    | { readonly kind: 'unix'; readonly path: string };
  /** Value of `Host`. */
  readonly host: string;
  /** The person said that a target that is not this machine is theirs. */
  readonly isOwned: boolean;
}

/** Options of {@link resolveTarget}. */
export interface ResolveOptions {
  /** Allows targets that are not this machine. @default false */
  readonly isOwned?: boolean;
  /** All addresses of a name. @default the system's resolver */
  readonly lookup?: (host: string) => Promise<readonly string[]>;
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');
// IPv4 in IPv6 clothes; a BlockList looks through them for its IPv4 rules, but not every version of Node does.
loopback.addSubnet('::ffff:127.0.0.0', 104, 'ipv6');

/** Whether an IP address can only ever mean this machine: 127.0.0.0/8 and ::1. */
export function isLoopback(address: string): boolean {
  const version = isIP(address);
  return version !== 0 && loopback.check(address, version === 4 ? 'ipv4' : 'ipv6');
}

/**
 * Looks a target up: `http://host:port` or `unix:/path/to/socket`. Unless it is owned, it must be this machine: a loopback address, or a name
 * all of whose addresses are.
 * @throws SquallError `BAD_TARGET`, `TARGET_NOT_OURS`, `TARGET_UNKNOWN`
 */
export async function resolveTarget(url: string, options: ResolveOptions = {}): Promise<AttackTarget> {
  const { isOwned = false, lookup = allAddresses } = options;
  if (url.startsWith('unix:/'))
    return { url, socket: { kind: 'unix', path: url.slice(5) }, host: 'localhost', isOwned };
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (
    parsed?.protocol !== 'http:' ||
    parsed.username !== '' ||
    !['', '/'].includes(parsed.pathname) ||
    parsed.search !== ''
  )
    throw new SquallError(
      'option',
      'BAD_TARGET',
      `Expected \`--target\` to be http://HOST:PORT or unix:/path, got ${JSON.stringify(url)}`,
      { next: 'Leave the path to --path. Targets behind TLS are not implemented: attack the plain port behind it.' },
    );
  const name = parsed.hostname.replace(/^\[|\]$/g, '');
  const addresses = isIP(name) ? [name] : await lookup(name);
  const [address] = addresses;
  if (address === undefined)
    throw new SquallError('environment', 'TARGET_UNKNOWN', `Nobody knows an address of "${name}"`, {
      next: 'Check the name, or write the address.',
    });
  const target: AttackTarget = {
    url,
    socket: { kind: 'tcp', address, port: Number(parsed.port || 80) },
    host: parsed.host,
    isOwned,
  };
  for (const one of addresses) requireOurs(one, target);
  return target;
}

/**
 * The check at the moment of connecting.
 * @throws SquallError `TARGET_NOT_OURS` unless `address` is this machine or the target is owned
 */
export function requireOurs(address: string, { isOwned, url }: AttackTarget): void {
  if (isOwned || isLoopback(address)) return;
  throw new SquallError(
    'option',
    'TARGET_NOT_OURS',
    `Expected \`--target\` to be this machine, got ${url} (${address}). Nothing was sent there.`,
    { next: 'Attack your own service on 127.0.0.1. If that address is yours to attack, say so: --i-own-this-target.' },
  );
}

async function allAddresses(host: string): Promise<string[]> {
  return (await systemLookup(host, { all: true }).catch(() => [])).map(({ address }) => address);
}
