import { tlsNameOf, tlsOptionsOf } from '../../harness/host/client-tls.ts';
import { listModels } from '../../harness/host/models.ts';
import { reachableAddresses } from '../../platform/external/reach.ts';
import { modelsPath } from './base-url.ts';
import type { External } from './external.ts';

/**
 * The models that a target lists, in its order, never none.
 * @param headers of the load, resolved
 * @throws SquallError `NO_MODEL`, or that the target is not reachable; the signal's reason on abort
 */
export async function targetModels(
  external: External,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<readonly [string, ...string[]]> {
  const { base, port, authorization } = external;
  const url = new URL(base.url);
  const [address] = await reachableAddresses(external, signal);
  const tls = url.protocol === 'https:' ? { ...tlsNameOf(url.hostname), ...tlsOptionsOf(external.tls) } : null;
  const path = url.pathname.replace(/\/$/, '') + modelsPath(base);
  const own = { host: url.host, accept: 'application/json', 'user-agent': 'squall' };
  const sent = { ...own, ...(authorization === '' ? {} : { authorization }), ...headers };
  return listModels({ url: url.origin, address, port, tls, path, headers: sent }, signal);
}
