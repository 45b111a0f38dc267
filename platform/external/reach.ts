import { once } from 'node:events';
import type { Socket } from 'node:net';
import { messageOf, SquallError } from '../../harness/errors.ts';
import { type ClientTls, tlsNameOf, tlsOptionsOf } from '../../harness/host/client-tls.ts';
import type { Machine, Network } from '../../harness/host/network.ts';

/** A running server that Squall did not start. */
export interface ExternalTarget {
  /** Base URL, `http` or `https`, possibly with a path, but without a slash at its end. */
  readonly url: string;
  /** IP addresses of its host. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** Confirmation by the user that a target on another machine is theirs. */
  readonly iOwnThisTarget: boolean;
  /** Headers of its clients that hold credentials, by name in lower case. Never recorded. @default none */
  readonly credentials?: Readonly<Record<string, string>> | undefined;
  /** How its clients speak TLS. @default without a certificate, trusting those that Node trusts */
  readonly tls?: ClientTls | undefined;
  /** Time that the user gives it to become ready, in ms. @default none to accept connections, and a short one to complete a request */
  readonly readyWithinMs?: number | undefined;
}

const CONNECT_LIMIT_MS = 3000;
/** Pause between attempts to connect to a target that is given time, in ms. */
const RETRY_MS = 500;

/**
 * The target's addresses that accept a connection, the first with a valid certificate for an `https` target. A name often stands for
 * `127.0.0.1` and `::1`, with a server on only one of them.
 *
 * @throws SquallError `TARGET_REFUSED`, `TARGET_UNREACHABLE` or `TARGET_TLS`; the signal's reason on abort
 */
export async function reachableAddresses(
  target: ExternalTarget,
  machine: Machine,
  signal: AbortSignal,
): Promise<readonly [string, ...string[]]> {
  const { clock } = machine;
  const untilMs = clock.nowMs() + (target.readyWithinMs ?? 0);
  for (;;)
    try {
      return await addressesNow(target, machine, signal);
    } catch (error) {
      const mayPass = error instanceof SquallError && /^TARGET_(REFUSED|UNREACHABLE)$/.test(error.code);
      if (!mayPass || clock.nowMs() >= untilMs) throw error;
      await clock.sleep(RETRY_MS, signal);
    }
}

async function addressesNow(
  target: ExternalTarget,
  machine: Machine,
  signal: AbortSignal,
): Promise<readonly [string, ...string[]]> {
  const { url, addresses, port } = target;
  const failures = await Promise.all(
    addresses.map(address =>
      failureOf(machine, network => network.connect({ host: address, port }), 'connect', signal),
    ),
  );
  const [first, ...others] = addresses.filter((_, index) => failures[index] === undefined);
  if (first !== undefined) {
    await requireTls(target, first, machine, signal);
    return [first, ...others];
  }
  const tried = addresses.map(address => `${address} port ${port}`).join(', ');
  const cause = failures[0];
  const isRefused = failures.every(failure => (failure as NodeJS.ErrnoException).code === 'ECONNREFUSED');
  throw new SquallError(
    'environment',
    isRefused ? 'TARGET_REFUSED' : 'TARGET_UNREACHABLE',
    `Expected a server at ${url} (${tried}), but ${isRefused ? 'the connection was refused' : messageOf(cause)}`,
    {
      cause,
      next: 'Start your server first, or correct the address and port of --target; --ready-within 5m waits for it.',
    },
  );
}

/** `127.0.0.1:80`, `[::1]:80`. */
export function hostAndPort(address: string, port: number): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}

async function requireTls(
  { url, port, tls }: ExternalTarget,
  address: string,
  machine: Machine,
  signal: AbortSignal,
): Promise<void> {
  const { protocol, hostname } = new URL(url);
  if (protocol !== 'https:') return;
  const options = { ...tlsNameOf(hostname), ...tlsOptionsOf(tls), ALPNProtocols: ['http/1.1'] };
  const handshake = (network: Network) => network.connectTls({ host: address, port }, options);
  const cause = await failureOf(machine, handshake, 'secureConnect', signal);
  if (cause === undefined) return;
  if ((cause as NodeJS.ErrnoException).code === 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL')
    throw onlyHttp2(url, cause);
  throw new SquallError(
    'environment',
    'TARGET_TLS',
    `Expected ${url} to complete a TLS handshake with a trusted certificate for ${hostname}, but: ${messageOf(cause)}`,
    {
      cause,
      next: 'For a private CA, set NODE_EXTRA_CA_CERTS to its certificate file; --insecure accepts any certificate; --client-cert and --client-key present one.',
    },
  );
}

/** Error of a target that speaks HTTP/2 and nothing else. */
export function onlyHttp2(url: string, cause?: unknown): SquallError {
  return new SquallError(
    'environment',
    'TARGET_HTTP2',
    `Expected ${url} to speak HTTP/1.1, but it speaks only HTTP/2`,
    {
      cause,
      next: 'Allow HTTP/1.1 beside it (in nginx, Envoy, Caddy and most servers a setting), or put a proxy in between that speaks HTTP/1.1 to its clients.',
    },
  );
}

/** Reason why no connection was established; undefined if one was. @throws the signal's reason on abort */
async function failureOf(
  { clock, network }: Machine,
  open: (network: Network) => Socket,
  established: 'connect' | 'secureConnect',
  signal: AbortSignal,
): Promise<unknown> {
  signal.throwIfAborted();
  const limit = clock.timeout(CONNECT_LIMIT_MS);
  const socket = open(network);
  try {
    await once(socket, established, { signal: AbortSignal.any([signal, limit]) });
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    return limit.aborted ? new Error(`no response within ${CONNECT_LIMIT_MS} ms`) : error;
  } finally {
    socket.on('error', () => {}).destroy();
  }
}
