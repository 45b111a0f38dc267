import { BlockList, isIP } from 'node:net';
import { NEVER, withLimit } from '../clock.ts';
import { messageOf, SquallError } from '../errors.ts';
import type { Machine } from './network.ts';

/** Target and its addresses. Connect to an address, not to the name: only addresses were checked. */
export interface LocatedTarget {
  readonly url: URL;
  /** Every address of the host, IPv4 first, never empty; all have been checked. */
  readonly addresses: readonly string[];
  readonly port: number;
}

/** Name to look up again while its server is in use. */
export interface NameLookUp {
  readonly hostname: string;
  /** Whether addresses outside this machine may be connected to. */
  readonly iOwnThisTarget: boolean;
}

/** Options of {@link locateTarget}. */
export interface LocateOptions {
  /** Whether the user confirmed that traffic and faults may go to a server outside this machine. @default false */
  readonly iOwnThisTarget?: boolean;
  /** Whether the URL may have a query. @default false */
  readonly allowsQuery?: boolean;
  /** Ends the name resolution, which is limited to 5 s in any case. */
  readonly signal?: AbortSignal;
  /** Resolves names. */
  readonly machine: Machine;
}

const RESOLVE_LIMIT_MS = 5000;
const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/**
 * Resolves the URL of a target and requires that it is on this machine, unless the user confirmed that the server is theirs. A name is
 * on this machine if all of its addresses are.
 *
 * @throws SquallError `BAD_TARGET` for a text that is not an http or https URL or contains a password, a fragment, or a query where none is allowed,
 * `TARGET_UNRESOLVED` for a name without an address, `TARGET_NOT_LOCAL` for another machine; the signal's reason on abort
 */
export async function locateTarget(text: string, options: LocateOptions): Promise<LocatedTarget> {
  const { iOwnThisTarget = false, allowsQuery = false, signal = NEVER, machine } = options;
  const url = parseTarget(text);
  if (url.hash !== '') throw badTarget('a URL without a fragment (#…)');
  if (url.search !== '' && !allowsQuery) throw badTarget(`a URL without a query, got "${text}"`);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const addresses = isIP(host) ? [host] : await resolved(host, machine, signal);
  for (const address of addresses) requireLocal(address, { url: text, iOwnThisTarget });
  return { url, addresses, port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)) };
}

/**
 * Requires that an address is on this machine, unless the user confirmed that the server is theirs; also called on connecting.
 * @param target the URL as the user wrote it
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

/** Whether an address (not a name) is a loopback one: `127.0.0.0/8`, `::1`, also as `::ffff:127.0.0.1`. */
export function isLoopback(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && LOOPBACK.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

/** Error of an invalid target. @param what was expected @param next what to write instead */
export function badTarget(what: string, next = 'Give a base URL such as http://127.0.0.1:8000.'): SquallError {
  return new SquallError('option', 'BAD_TARGET', `Expected the target to be ${what}`, { next });
}

function parseTarget(text: string): URL {
  const url = URL.parse(text);
  // Quoted only if it contains no password.
  if (url?.username || url?.password)
    throw badTarget(
      'a URL without a user and password',
      'Give the credential in the environment variable SQUALL_TARGET_AUTHORIZATION.',
    );
  if (text.startsWith('unix:'))
    throw badTarget(
      `an http or https URL, got "${text}", and Squall does not support Unix sockets`,
      'Forward a port to it: socat TCP-LISTEN:8080,bind=127.0.0.1,fork UNIX-CONNECT:/path/to/socket',
    );
  if (!url || !/^https?:$/.test(url.protocol)) throw badTarget(`an http or https URL, got "${text}"`);
  return url;
}

async function resolved(host: string, { clock, network }: Machine, signal: AbortSignal): Promise<readonly string[]> {
  try {
    const addresses = await withLimit(RESOLVE_LIMIT_MS, signal, () => network.lookup(host), clock);
    if (addresses.length === 0) throw new Error('it has no address');
    return addresses;
  } catch (cause) {
    signal.throwIfAborted();
    throw new SquallError(
      'environment',
      'TARGET_UNRESOLVED',
      `Expected the target's name ${host} to resolve to an address, but: ${messageOf(cause)}`,
      { cause, next: 'Correct the name, or give the address itself.' },
    );
  }
}
