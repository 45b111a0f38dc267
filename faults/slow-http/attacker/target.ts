import { isIP } from 'node:net';
import type { ClientTls } from '../../../harness/host/client-tls.ts';
import { type LocateOptions, locateTarget } from '../../../harness/host/target.ts';

/** The target of an attack: an address that was resolved once and is never resolved again. */
export interface AttackTarget {
  /** As the user wrote it. */
  readonly url: string;
  readonly address: string;
  readonly port: number;
  /**
   * `client`: as the clients of the target speak it. `name`: the server's name (RFC 6066, section 3), empty where it is known by its address; `authority`: PEM of the CA that the control
   * client trusts, by default Node's. Attackers accept any certificate. Null without TLS.
   */
  readonly tls: { readonly name: string; readonly authority?: string | undefined; readonly client?: ClientTls } | null;
  /** Value of `Host`. */
  readonly host: string;
  /** Whether the user confirmed to own a target on another machine. */
  readonly iOwnThisTarget: boolean;
}

interface ResolveOptions extends LocateOptions {
  /** Origin of the requests, such as `https://llm.test`: it decides `Host` and the TLS name. @default the URL itself */
  readonly origin?: string | undefined;
  readonly authority?: string | undefined;
  readonly tls?: ClientTls | undefined;
}

/**
 * Resolves a target, `http://host:port` or `https://host:port`, to its first address, where {@link locateTarget} allows it.
 * @throws SquallError `BAD_TARGET`, `TARGET_NOT_LOCAL`, `TARGET_UNRESOLVED`; the signal's reason on abort
 */
export async function resolveTarget(text: string, options: ResolveOptions): Promise<AttackTarget> {
  const { iOwnThisTarget = false, origin = text, authority, tls: client = {} } = options;
  const { url, addresses, port } = await locateTarget(text, options);
  const { host, hostname } = new URL(origin);
  const name = hostname.startsWith('[') || isIP(hostname) ? '' : hostname;
  const tls = url.protocol === 'https:' ? { name, authority, client } : null;
  return { url: text, address: addresses[0]!, port, tls, host, iOwnThisTarget };
}
