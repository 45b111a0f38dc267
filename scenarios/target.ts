import { SquallError } from '../harness/errors.ts';
import { type LocateOptions, locateTarget } from '../harness/host/target.ts';
import type { PlatformKind } from '../harness/plan.ts';
import type { ExternalTarget } from '../platform/external/reach.ts';
import type { External } from './external.ts';

/** How a person names a server of their own. */
export interface TargetOptions {
  readonly target?: string;
  readonly authorization?: string;
  readonly iOwnThisTarget?: boolean;
}

/** Where a token is looked for that is not given as an option; other processes can read a command line. */
export const AUTHORIZATION_VARIABLE = 'SQUALL_TARGET_AUTHORIZATION';

/** The target of the options, checked; undefined without one. @throws SquallError of kind `option` or `environment` */
export async function externalTarget(
  options: TargetOptions & { readonly platform?: PlatformKind },
  signal: AbortSignal,
): Promise<External | undefined> {
  const { target, platform = 'process', authorization, iOwnThisTarget = false } = options;
  if ((target === undefined) !== (platform !== 'external'))
    throw new SquallError(
      'option',
      'PLATFORM_AND_TARGET',
      `Expected --target and --platform external together, got ${target === undefined ? 'no --target' : `--platform ${platform}`}`,
      { next: 'Give `squall run` a --target URL and leave --platform out, or leave both out.' },
    );
  if (target === undefined && (authorization !== undefined || iOwnThisTarget))
    throw new SquallError('option', 'NO_TARGET', 'Expected a --target beside --authorization and --i-own-this-target', {
      next: 'Add --target URL, or leave the others out: the keys of a stack of Squall’s own are made for each run.',
    });
  if (target === undefined) return undefined;
  const checked = await checkTarget(target, { iOwnThisTarget, signal });
  return { ...checked, authorization: targetAuthorization(authorization) };
}

/**
 * The target of a run, once {@link locateTarget} allows it. Its URL loses a trailing slash and `/v1`, which clients add:
 * `http://127.0.0.1:8000`, `https://llm.test/team-a`.
 * @throws SquallError `BAD_TARGET`, `TARGET_UNRESOLVED`, `TARGET_NOT_LOCAL`; the signal's reason on abort
 */
export async function checkTarget(text: string, options: LocateOptions): Promise<ExternalTarget> {
  const { url, ...where } = await locateTarget(text, options);
  const base = url.origin + url.pathname.replace(/\/+$/, '').replace(/\/v1$/, '');
  return { url: base, iOwnThisTarget: options.iOwnThisTarget ?? false, ...where };
}

/**
 * What clients of a target send as `Authorization`, from an option or the environment; empty for none. A token becomes
 * `Bearer <token>`; what names its scheme stays. It is a secret, so no message quotes it.
 * @throws SquallError `BAD_AUTHORIZATION`
 */
export function targetAuthorization(given = process.env[AUTHORIZATION_VARIABLE] ?? ''): string {
  const trimmed = given.trim();
  if (!/^[\x20-\x7e]*$/.test(trimmed))
    throw new SquallError(
      'option',
      'BAD_AUTHORIZATION',
      'Expected the authorization to be printable ASCII on one line',
    );
  return trimmed === '' || trimmed.includes(' ') ? trimmed : `Bearer ${trimmed}`;
}
