import { type LocateOptions, locateTarget } from '../harness/host/target.ts';
import type { ExternalTarget } from '../platform/external/reach.ts';

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
