import { type ClientRequest, request as httpRequest, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import {
  badTarget,
  type LocatedTarget,
  type LocateOptions,
  locateTarget,
  requireLocal,
} from '../../../harness/host/target.ts';

/** Where an attack goes: an address that was looked up once and is never looked up again, or a socket in the file system. */
export interface AttackTarget {
  /** As the person wrote it. */
  readonly url: string;
  readonly socket:
    | { readonly kind: 'tcp'; readonly address: string; readonly port: number }
    | { readonly kind: 'unix'; readonly path: string };
  /** The session that comes before HTTP; null in the clear. */
  readonly tls: TlsSession | null;
  /** Value of `Host`. */
  readonly host: string;
  /** The person said that a target that is not this machine is theirs. */
  readonly iOwnThisTarget: boolean;
}

/** What ordinary clients know of a target behind TLS. Attackers take any certificate. */
export interface TlsSession {
  /** The server's name (RFC 6066, section 3); empty where it is known by its address. */
  readonly name: string;
  /** PEM of the authority to trust. @default those that Node trusts */
  readonly authority?: string | undefined;
  /** They take any certificate too. */
  readonly isInsecure: boolean;
}

/** Options of {@link resolveTarget}. */
export interface ResolveOptions extends LocateOptions {
  /** What is asked for there, such as `https://llm.test`: it decides `Host` and the TLS name. @default the URL itself */
  readonly origin?: string | undefined;
  /** See {@link TlsSession.authority}. */
  readonly authority?: string | undefined;
  /** See {@link TlsSession.isInsecure}. @default false */
  readonly isInsecure?: boolean;
  /** Which of its addresses, once all of them are allowed. @default the first */
  readonly choose?: (target: LocatedTarget) => Promise<string>;
}

/**
 * Looks a target up: `http://host:port`, `https://host:port` or `unix:/path/to/socket`, where {@link locateTarget} allows it.
 * @throws SquallError `BAD_TARGET`, `TARGET_NOT_LOCAL`, `TARGET_UNRESOLVED`; what `choose` throws; the signal's reason on abort
 */
export async function resolveTarget(text: string, options: ResolveOptions = {}): Promise<AttackTarget> {
  const { iOwnThisTarget = false, origin = text, authority, isInsecure = false, choose } = options;
  if (text.startsWith('unix:/'))
    return { url: text, socket: { kind: 'unix', path: text.slice(5) }, tls: null, host: 'localhost', iOwnThisTarget };
  const located = await locateTarget(text, options);
  const { url, addresses, port } = located;
  if (url.pathname !== '/')
    throw badTarget(`http://HOST:PORT, https://HOST:PORT or unix:/path, got "${text}"`, 'Leave the path to --path.');
  const { host, hostname } = new URL(origin);
  const name = hostname.startsWith('[') || isIP(hostname) ? '' : hostname;
  const socket = { kind: 'tcp', address: choose ? await choose(located) : addresses[0]!, port } as const;
  const tls = url.protocol === 'https:' ? { name, authority, isInsecure } : null;
  return { url: text, socket, tls, host, iOwnThisTarget };
}

/**
 * An ordinary client's request, on a connection of its own to the address that was looked up. Behind TLS it requires the right
 * certificate, unless the target is {@link TlsSession.isInsecure}.
 * @throws SquallError `TARGET_NOT_LOCAL` before anything is sent
 */
export function requestTo(target: AttackTarget, options: RequestOptions): ClientRequest {
  const { socket, tls } = target;
  if (socket.kind === 'unix') return httpRequest({ ...options, agent: false, socketPath: socket.path });
  requireLocal(socket.address, target);
  const where = { ...options, agent: false, host: socket.address, port: socket.port };
  if (tls === null) return httpRequest(where);
  const { name, authority, isInsecure } = tls;
  return httpsRequest({ ...where, servername: name, ca: authority, rejectUnauthorized: !isInsecure });
}
