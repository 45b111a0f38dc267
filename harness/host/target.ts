import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { messageOf, SquallError } from '../errors.ts';

/** A server that a person named, and where it is. Connect to an address, not to the name: only they were checked. */
export interface LocatedTarget {
  readonly url: URL;
  /** Every address of the host, IPv4 first, never empty; all have been checked. */
  readonly addresses: readonly string[];
  readonly port: number;
}

/** How {@link locateTarget} is called. */
export interface LocateOptions {
  /** The person says that traffic and faults may go to this server although it is not on this machine. @default false */
  readonly iOwnThisTarget?: boolean;
  /** Ends the wait for a name's addresses, which ends after 5 s in any case. */
  readonly signal?: AbortSignal;
  /** All addresses of a name. @default the system's resolver */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
}

const RESOLVE_LIMIT_MS = 5000;
const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/**
 * Decides whether load, attacks and faults may be aimed at a URL: at this machine always, elsewhere only when the person says
 * that the server is theirs. A name counts as this machine when every one of its addresses does.
 *
 * @throws SquallError `BAD_TARGET` for what is no http or https URL or holds a password, a query or a fragment,
 * `TARGET_UNRESOLVED` for a name without an address, `TARGET_NOT_LOCAL` for one that leads elsewhere; the signal's reason on abort
 */
export async function locateTarget(text: string, options: LocateOptions = {}): Promise<LocatedTarget> {
  const { iOwnThisTarget = false, signal, resolve = resolveHost } = options;
  const url = parseTarget(text);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const addresses = isIP(host) ? [host] : await resolved(host, resolve, signal);
  for (const address of addresses) requireLocal(address, { url: text, iOwnThisTarget });
  return { url, addresses, port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)) };
}

/**
 * The check of one address, for the moment of connecting too.
 * @param target as the person wrote it, and what they said of it
 * @throws SquallError `TARGET_NOT_LOCAL`
 */
export function requireLocal(
  address: string,
  target: { readonly url: string; readonly iOwnThisTarget: boolean },
): void {
  if (target.iOwnThisTarget || isLoopback(address)) return;
  throw new SquallError(
    'option',
    'TARGET_NOT_LOCAL',
    `Expected the target to be on this machine (127.0.0.0/8 or ::1), got "${target.url}", which is ${address}. Nothing was sent there.`,
    {
      next: 'Load, attacks and faults can take a service down. If it is yours and nobody else depends on it, add --i-own-this-target.',
    },
  );
}

/** Whether an address (no name) is of this machine alone: `127.0.0.0/8`, `::1`, also as `::ffff:127.0.0.1`. */
export function isLoopback(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && LOOPBACK.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

/** What nobody can aim at. @param what was expected @param next what to write instead */
export function badTarget(what: string, next = 'Give a base URL such as http://127.0.0.1:8000.'): SquallError {
  return new SquallError('option', 'BAD_TARGET', `Expected the target to be ${what}`, { next });
}

function parseTarget(text: string): URL {
  const url = URL.parse(text);
  // Quoted only where it is known to hold no password.
  if (url?.username || url?.password)
    throw badTarget(
      'a URL without a user and password',
      'Give the credential in the environment variable SQUALL_TARGET_AUTHORIZATION.',
    );
  if (text.startsWith('unix:'))
    throw badTarget(
      `an http or https URL, got "${text}", and no client of Squall speaks over a socket file`,
      'Lead a port there: socat TCP-LISTEN:8080,bind=127.0.0.1,fork UNIX-CONNECT:/path/to/socket',
    );
  if (!url || !/^https?:$/.test(url.protocol)) throw badTarget(`an http or https URL, got "${text}"`);
  if (url.search !== '' || url.hash !== '') throw badTarget(`a URL without a query and fragment, got "${text}"`);
  return url;
}

async function resolved(
  host: string,
  resolve: (host: string) => Promise<readonly string[]>,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const limited = AbortSignal.any([AbortSignal.timeout(RESOLVE_LIMIT_MS), ...(signal ? [signal] : [])]);
  const aborted = new Promise<never>((_, reject) =>
    limited.addEventListener('abort', () => reject(limited.reason), { once: true }),
  );
  try {
    signal?.throwIfAborted();
    const addresses = await Promise.race([resolve(host), aborted]);
    if (addresses.length === 0) throw new Error('it has no address');
    return addresses;
  } catch (cause) {
    signal?.throwIfAborted();
    throw new SquallError(
      'environment',
      'TARGET_UNRESOLVED',
      `Expected the target's name ${host} to resolve to an address, but: ${messageOf(cause)}`,
      { cause, next: 'Correct the name, or give the address itself.' },
    );
  }
}

async function resolveHost(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true, order: 'ipv4first' });
  return found.map(({ address }) => address);
}
