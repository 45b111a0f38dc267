import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { messageOf, SquallError } from '../harness/errors.ts';

/** A server of the user's own, with what its name means now. Connect to the addresses, not to the name: only they were checked. */
export interface CheckedTarget {
  /** Base URL without a trailing slash and without `/v1`, which clients add: `http://127.0.0.1:8000`, `https://llm.test/team-a`. */
  readonly url: string;
  /** The first of {@link addresses}. */
  readonly address: string;
  /** Every address of the host, IPv4 first; all have been checked. */
  readonly addresses: readonly string[];
  readonly port: number;
}

/** How {@link checkTarget} is called. */
export interface CheckTargetOptions {
  /** The person says that traffic and faults may go to this server although it is not on this machine. @default false */
  readonly iOwnThisTarget?: boolean;
  readonly signal: AbortSignal;
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
 * @throws SquallError `BAD_TARGET` for what is no base URL, `TARGET_UNRESOLVED` for a name without an address,
 * `TARGET_NOT_LOCAL` for one that leads elsewhere; the signal's reason on abort
 */
export async function checkTarget(text: string, options: CheckTargetOptions): Promise<CheckedTarget> {
  const { iOwnThisTarget = false, signal, resolve = resolveHost } = options;
  const url = parseTarget(text);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const addresses = isIP(host) ? [host] : await resolved(host, resolve, signal);
  const elsewhere = addresses.find(address => !isLoopback(address));
  if (elsewhere !== undefined && !iOwnThisTarget) throw notLocal(text, host, elsewhere);
  return {
    url: url.origin + url.pathname.replace(/\/+$/, '').replace(/\/v1$/, ''),
    address: addresses[0]!,
    addresses,
    port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
  };
}

/** Whether an address (no name) is of this machine alone: `127.0.0.0/8`, `::1`, also as `::ffff:127.0.0.1`. */
export function isLoopback(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && LOOPBACK.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

function parseTarget(text: string): URL {
  const bad = (what: string, next = 'Give a base URL such as http://127.0.0.1:8000.') =>
    new SquallError('option', 'BAD_TARGET', `Expected the target to be ${what}`, { next });
  const url = URL.parse(text);
  // Quoted only where it is known to hold no password.
  if (url?.username || url?.password)
    throw bad(
      'a URL without a user and password',
      'Give the credential in the environment variable SQUALL_TARGET_AUTHORIZATION.',
    );
  if (!url || !/^https?:$/.test(url.protocol)) throw bad(`an http or https URL, got "${text}"`);
  if (url.search !== '' || url.hash !== '') throw bad(`a URL without a query and fragment, got "${text}"`);
  return url;
}

async function resolved(
  host: string,
  resolve: (host: string) => Promise<readonly string[]>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(RESOLVE_LIMIT_MS)]);
  const aborted = new Promise<never>((_, reject) =>
    limited.addEventListener('abort', () => reject(limited.reason), { once: true }),
  );
  try {
    signal.throwIfAborted();
    const addresses = await Promise.race([resolve(host), aborted]);
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

async function resolveHost(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true, order: 'ipv4first' });
  return found.map(({ address }) => address);
}

function notLocal(text: string, host: string, address: string): SquallError {
  const leads = host === address ? '' : `, which leads to ${address}`;
  return new SquallError(
    'option',
    'TARGET_NOT_LOCAL',
    `Expected the target to be on this machine (127.0.0.0/8 or ::1), got "${text}"${leads}`,
    {
      next: 'Load and faults can take a service down. If it is yours and nobody else depends on it, add --i-own-this-target.',
    },
  );
}
