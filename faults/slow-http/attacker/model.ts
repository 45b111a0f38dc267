import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { SquallError } from '../../../harness/errors.ts';
import { tlsOptionsOf } from '../../../harness/host/client-tls.ts';
import { requireLocal } from '../../../harness/host/target.ts';
import type { AttackTarget } from './target.ts';

const TIMEOUT_MS = 3000;
const MAX_BYTES = 1_000_000;

/**
 * The first model that an OpenAI-compatible target lists. Behind TLS the target needs a valid certificate.
 * @throws SquallError `NO_MODEL`; `TARGET_NOT_LOCAL` before anything is sent
 */
export async function firstModel(target: AttackTarget, authorization: string, signal: AbortSignal): Promise<string> {
  requireLocal(target.address, target);
  const text = await modelList(target, authorization, AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)])).catch(
    () => '',
  );
  signal.throwIfAborted();
  const id = /"id"\s*:\s*"([^"\\]+)"/.exec(text)?.[1];
  if (id !== undefined) return id;
  throw new SquallError('environment', 'NO_MODEL', `${target.url} does not list a model at /v1/models`, {
    next: 'Set `model` of the attack; if the target requires a key, set SQUALL_TARGET_AUTHORIZATION.',
  });
}

async function modelList(
  { address, port, tls, host }: AttackTarget,
  authorization: string,
  signal: AbortSignal,
): Promise<string> {
  const headers = { host, ...(authorization === '' ? {} : { authorization }) };
  const options = { host: address, port, path: '/v1/models', headers, signal, agent: false } as const;
  const request = tls
    ? httpsRequest({ ...options, servername: tls.name, ca: tls.authority, ...tlsOptionsOf(tls.client) })
    : httpRequest(options);
  const [response] = (await once(request.end(), 'response', { signal })) as [IncomingMessage];
  let text = '';
  for await (const chunk of response) {
    text += chunk;
    if (text.length > MAX_BYTES) throw new Error('model list too long');
  }
  return text;
}
