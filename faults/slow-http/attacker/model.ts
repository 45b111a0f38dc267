import { tlsOptionsOf } from '../../../harness/host/client-tls.ts';
import { listModels } from '../../../harness/host/models.ts';
import type { Machine } from '../../../harness/host/network.ts';
import { requireLocal } from '../../../harness/host/target.ts';
import type { AttackTarget } from './target.ts';

/**
 * The first model that an OpenAI-compatible target lists. Behind TLS the target needs a valid certificate.
 * @throws SquallError `NO_MODEL`; `TARGET_NOT_LOCAL` before anything is sent
 */
export async function firstModel(
  target: AttackTarget,
  credentials: Readonly<Record<string, string>>,
  machine: Machine,
  signal: AbortSignal,
): Promise<string> {
  requireLocal(target.address, target);
  const { url, address, port, tls, host } = target;
  const headers = { host, ...credentials };
  const ca = tls?.authority === undefined ? {} : { ca: tls.authority };
  const options = tls && { servername: tls.name, ...ca, ...tlsOptionsOf(tls.client) };
  return (await listModels({ url, address, port, tls: options, path: '/v1/models', headers }, machine, signal))[0];
}
