import { SquallError } from '../../harness/errors.ts';
import { tlsNameOf, tlsOptionsOf } from '../../harness/host/client-tls.ts';
import { listModels } from '../../harness/host/models.ts';
import type { Machine } from '../../harness/host/network.ts';
import { reachableAddresses } from '../../platform/external/reach.ts';
import { modelsPath } from './base-url.ts';
import type { External } from './external.ts';

/** Pause before a server that is not ready is asked again, in ms. */
const PAUSE_MS = 500;

/**
 * The models that a target lists, in its order, never none. One that is not ready is asked again for as long as the user gives it.
 * @param headers of the load, resolved
 * @throws SquallError `NO_MODEL` or `MODELS_UNAVAILABLE`, or that the target is not reachable; the signal's reason on abort
 */
export async function targetModels(
  external: External,
  headers: Readonly<Record<string, string>>,
  machine: Machine,
  signal: AbortSignal,
): Promise<readonly [string, ...string[]]> {
  const { base, port, authorization, readyWithinMs = 0 } = external;
  const { clock } = machine;
  const untilMs = clock.nowMs() + readyWithinMs;
  const url = new URL(base.url);
  const [address] = await reachableAddresses(external, machine, signal);
  const tls = url.protocol === 'https:' ? { ...tlsNameOf(url.hostname), ...tlsOptionsOf(external.tls) } : null;
  const path = url.pathname.replace(/\/$/, '') + modelsPath(base);
  const own = { host: url.host, accept: 'application/json', 'user-agent': 'squall' };
  const sent = { ...own, ...(authorization === '' ? {} : { authorization }), ...headers };
  const query = { url: url.origin, address, port, tls, path, headers: sent };
  for (;;) {
    try {
      return await listModels(query, machine, signal);
    } catch (error) {
      const mayPass = error instanceof SquallError && error.code === 'MODELS_UNAVAILABLE';
      if (!mayPass || clock.nowMs() >= untilMs) throw error;
      await clock.sleep(PAUSE_MS, signal);
    }
  }
}
