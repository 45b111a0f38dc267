import { badTarget, type LocateOptions, locateTarget } from '../../../harness/target.ts';

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
  readonly iOwnThisTarget: boolean;
}

/**
 * Looks a target up: `http://host:port` or `unix:/path/to/socket`, where {@link locateTarget} allows it.
 * @throws SquallError `BAD_TARGET`, `TARGET_NOT_LOCAL`, `TARGET_UNRESOLVED`; the signal's reason on abort
 */
export async function resolveTarget(text: string, options: LocateOptions = {}): Promise<AttackTarget> {
  const { iOwnThisTarget = false } = options;
  if (text.startsWith('unix:/'))
    return { url: text, socket: { kind: 'unix', path: text.slice(5) }, host: 'localhost', iOwnThisTarget };
  const { url, addresses, port } = await locateTarget(text, options);
  if (url.protocol !== 'http:' || url.pathname !== '/')
    throw badTarget(
      `http://HOST:PORT or unix:/path, got "${text}"`,
      'Leave the path to --path. Targets behind TLS are not implemented: attack the plain port behind it.',
    );
  return { url: text, socket: { kind: 'tcp', address: addresses[0]!, port }, host: url.host, iOwnThisTarget };
}
