import { type ClientRequest, request as httpRequest, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { type LocateOptions, locateTarget, requireLocal } from '../../../harness/host/target.ts';

/** Where an attack goes: an address that was looked up once and is never looked up again. */
export interface AttackTarget {
  /** As it was named. */
  readonly url: string;
  readonly address: string;
  readonly port: number;
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
}

/** Options of {@link resolveTarget}. */
export interface ResolveOptions extends LocateOptions {
  /** What is asked for there, such as `https://llm.test`: it decides `Host` and the TLS name. @default the URL itself */
  readonly origin?: string | undefined;
  /** See {@link TlsSession.authority}. */
  readonly authority?: string | undefined;
}

/**
 * Looks a target up, `http://host:port` or `https://host:port`, where {@link locateTarget} allows it, and takes its first address.
 * @throws SquallError `BAD_TARGET`, `TARGET_NOT_LOCAL`, `TARGET_UNRESOLVED`; the signal's reason on abort
 */
export async function resolveTarget(text: string, options: ResolveOptions = {}): Promise<AttackTarget> {
  const { iOwnThisTarget = false, origin = text, authority } = options;
  const { url, addresses, port } = await locateTarget(text, options);
  const { host, hostname } = new URL(origin);
  const name = hostname.startsWith('[') || isIP(hostname) ? '' : hostname;
  const tls = url.protocol === 'https:' ? { name, authority } : null;
  return { url: text, address: addresses[0]!, port, tls, host, iOwnThisTarget };
}

/**
 * An ordinary client's request, on a connection of its own to the address that was looked up. Behind TLS it requires the right
 * certificate.
 * @throws SquallError `TARGET_NOT_LOCAL` before anything is sent
 */
export function requestTo(target: AttackTarget, options: RequestOptions): ClientRequest {
  const { address, port, tls } = target;
  requireLocal(address, target);
  const where = { ...options, agent: false, host: address, port };
  return tls ? httpsRequest({ ...where, servername: tls.name, ca: tls.authority }) : httpRequest(where);
}
