import { messageOf, SquallError } from '../../harness/errors.ts';
import { type ClientTls, tlsOptionsOf } from '../../harness/host/client-tls.ts';
import type { Machine } from '../../harness/host/network.ts';
import { badTarget, type LocateOptions, locateTarget } from '../../harness/host/target.ts';
import { pathFrom, readText } from '../../harness/input/files.ts';
import type { PlatformKind } from '../../harness/plan.ts';
import { isCredential, referenceIn, resolveSecret } from '../../load/request/secrets.ts';
import { quoted } from '../quoted.ts';
import { apiBaseOf } from './base-url.ts';
import type { External } from './external.ts';

/** Options that name a target. */
export interface TargetOptions {
  readonly target?: string;
  /** Token, header, or a reference such as `env:NAME`. */
  readonly authorization?: string;
  readonly authorizationFile?: string;
  readonly iOwnThisTarget?: boolean;
  readonly insecure?: boolean;
  readonly clientCert?: string;
  readonly clientKey?: string;
  /** In ms. */
  readonly readyWithin?: number;
}

/** Environment variable of the token, which a command line would expose to other processes. */
export const AUTHORIZATION_VARIABLE = 'SQUALL_TARGET_AUTHORIZATION';

/** The target that options name, checked; undefined for none. @throws SquallError of kind `option` or `environment` */
export async function externalTarget(
  options: TargetOptions & { readonly platform?: PlatformKind },
  machine: Machine,
  signal: AbortSignal,
): Promise<External | undefined> {
  const { target, platform = 'process', iOwnThisTarget = false, readyWithin } = options;
  if ((target === undefined) !== (platform !== 'external'))
    throw new SquallError(
      'option',
      'PLATFORM_AND_TARGET',
      `Expected --target and --platform external together, got ${target === undefined ? 'no --target' : `--platform ${platform}`}`,
      { next: 'Give a --target URL without --platform, or leave both out.' },
    );
  const tls = clientTls(options);
  if (target !== undefined) {
    const checked = await checkTarget(target, { iOwnThisTarget, machine, signal });
    const ready = readyWithin === undefined ? {} : { readyWithinMs: readyWithin };
    return { ...checked, tls, ...ready, authorization: authorizationOf(options) };
  }
  const others = {
    authorization: options.authorization,
    'authorization-file': options.authorizationFile,
    'i-own-this-target': iOwnThisTarget || undefined,
    'ready-within': readyWithin,
    ...tls,
  };
  const [given] = Object.entries(others).flatMap(([name, value]) =>
    value === undefined ? [] : [OPTION_OF[name] ?? `--${name}`],
  );
  if (given !== undefined)
    throw new SquallError('option', 'NO_TARGET', `Expected ${given} only with --target`, {
      next: 'Add --target URL, or leave the others out; a stack that Squall starts generates its own keys.',
    });
  return undefined;
}

/**
 * The target of a run, checked by {@link locateTarget}, and where it has its APIs: its `url` is that of {@link apiBaseOf}.
 * @throws SquallError `BAD_TARGET`, also for a credential in its query, `TARGET_UNRESOLVED`, `TARGET_NOT_LOCAL`; the signal's reason on
 * abort
 */
export async function checkTarget(text: string, options: LocateOptions): Promise<Omit<External, 'authorization'>> {
  // Before any other message, which would quote it.
  const credential = [...(URL.parse(text)?.searchParams ?? [])].find(([name, value]) => isCredential(name, value));
  if (credential)
    throw badTarget(
      `a URL without a credential, found the parameter \`${credential[0]}\``,
      'Give the key in SQUALL_TARGET_AUTHORIZATION, or in a header: --header "api-key: env:NAME".',
    );
  const { url, ...where } = await locateTarget(text, { ...options, allowsQuery: true });
  const base = apiBaseOf(url);
  return { url: base.url, base, iOwnThisTarget: options.iOwnThisTarget ?? false, ...where };
}

/** Options by the fields that they set. */
const OPTION_OF: Readonly<Record<string, string>> = { certificateFile: '--client-cert', keyFile: '--client-key' };

/** How clients speak TLS to a target. @throws SquallError `BAD_CLIENT_CERTIFICATE` */
function clientTls({ insecure, clientCert, clientKey }: TargetOptions): ClientTls {
  const tls: ClientTls = {
    ...(insecure && { insecure }),
    ...(clientCert !== undefined && { certificateFile: pathFrom(clientCert) }),
    ...(clientKey !== undefined && { keyFile: pathFrom(clientKey) }),
  };
  tlsOptionsOf(tls);
  return tls;
}

/** The `Authorization` header that options name. @throws SquallError `BAD_AUTHORIZATION` */
function authorizationOf({ authorization, authorizationFile }: TargetOptions): string {
  if (authorizationFile === undefined) {
    const variable = referenceIn(authorization ?? '');
    if (authorization === undefined || variable === undefined) return authorizationHeader(authorization);
    if (process.env[variable]) return authorizationHeader(resolveSecret(authorization, process.env));
    throw badAuthorization(`Expected --authorization env:${variable} to name a variable that is set`);
  }
  if (authorization !== undefined)
    throw badAuthorization('Expected one of --authorization and --authorization-file, got both');
  return authorizationHeader(readSecret(authorizationFile));
}

const MAX_SECRET_BYTES = 16 * 1024;

/** As ssh does with keys, a file that others can read is refused: they may have read it already. */
function readSecret(written: string): string {
  const path = pathFrom(written);
  const next = `Give the file of the token alone, with access for its owner only: chmod 600 ${quoted(path)}`;
  try {
    const text = readText(path, MAX_SECRET_BYTES, ({ mode }) => {
      const shown = (mode & 0o777).toString(8).padStart(4, '0');
      if ((mode & 0o077) !== 0) throw new Error(`others may access it, its mode is ${shown}`);
    });
    if (text.trim() === '') throw new Error('it is empty');
    return text;
  } catch (error) {
    throw badAuthorization(
      `Expected --authorization-file to be a private file with a token, but: ${messageOf(error)}`,
      next,
    );
  }
}

function badAuthorization(
  message: string,
  next = `Set ${AUTHORIZATION_VARIABLE}, or use --authorization-file.`,
): SquallError {
  return new SquallError('option', 'BAD_AUTHORIZATION', message, { next });
}

/**
 * An `Authorization` header; empty for none. A token without a scheme becomes `Bearer <token>`. Messages never quote it.
 * @default that of the target from the environment
 */
export function authorizationHeader(given = process.env[AUTHORIZATION_VARIABLE] ?? ''): string {
  const trimmed = given.trim();
  if (!/^[\x20-\x7e]*$/.test(trimmed))
    throw badAuthorization('Expected the authorization to be one line of printable ASCII');
  return trimmed === '' || trimmed.includes(' ') ? trimmed : `Bearer ${trimmed}`;
}
