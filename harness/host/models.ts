import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { ConnectionOptions } from 'node:tls';
import { messageOf, SquallError } from '../errors.ts';
import { requestOver } from './http-client.ts';
import type { Machine, Network } from './network.ts';

/** Where and how to ask for a list of models. */
export interface ModelQuery {
  /** The server as its user knows it, for messages. */
  readonly url: string;
  /** Checked address to connect to. */
  readonly address: string;
  readonly port: number;
  /** TLS options; null without TLS. */
  readonly tls: ConnectionOptions | null;
  /** Path and query, such as `/v1/models`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

const TIMEOUT_MS = 5000;
const MAX_BYTES = 1_000_000;
const NEXT = 'Name the model: `load.model` of the scenario, --set load.model=…, or `model` of an attack.';

/**
 * The models that an OpenAI-compatible server lists, in its order, never none.
 * @throws SquallError `MODELS_UNAVAILABLE` where asking again may help, otherwise `NO_MODEL`, both with what the server answered; the
 * signal's reason on abort
 */
export async function listModels(
  query: ModelQuery,
  { clock, network }: Machine,
  signal: AbortSignal,
): Promise<readonly [string, ...string[]]> {
  const { url, path } = query;
  const limit = clock.timeout(TIMEOUT_MS);
  const none = (found: string, next = NEXT, code = 'NO_MODEL') =>
    new SquallError('environment', code, `Expected ${url} to list a model at ${path}, but: ${found}`, { next });
  const { status, text } = await get(query, network, AbortSignal.any([signal, limit])).catch(error => {
    signal.throwIfAborted();
    const found = limit.aborted ? `no complete answer within ${TIMEOUT_MS / 1000} s` : messageOf(error);
    throw none(found, NEXT, 'MODELS_UNAVAILABLE');
  });
  if (status === 401 || status === 403)
    throw none(
      `status ${status}`,
      'Give the key: SQUALL_TARGET_AUTHORIZATION for a bearer token, or --header "api-key: env:NAME".',
    );
  if (status >= 500 || status === 429) throw none(`status ${status}`, NEXT, 'MODELS_UNAVAILABLE');
  if (status !== 200) throw none(`status ${status}`);
  const [first, ...others] = modelsIn(text);
  if (first === undefined) throw none('its answer lists none');
  return [first, ...others];
}

/** Ids of a list of models: OpenAI's `{data: [{id}]}`, a bare list, or `{models: [{name}]}`, of objects or of names. */
export function modelsIn(text: string): string[] {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    return [];
  }
  const { data, models } = (found ?? {}) as { data?: unknown; models?: unknown };
  const list = [found, data, models].find(Array.isArray) ?? [];
  return list
    .map(item => (typeof item === 'object' && item !== null ? (item.id ?? item.name ?? item.model) : item))
    .filter(id => typeof id === 'string' && id !== '');
}

async function get(
  { address, ...query }: ModelQuery,
  network: Network,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly text: string }> {
  const request = requestOver(network, { ...query, host: address, signal });
  const [response] = (await once(request.end(), 'response', { signal })) as [IncomingMessage];
  let text = '';
  for await (const chunk of response) {
    text += chunk;
    if (text.length > MAX_BYTES) throw new Error(`more than ${MAX_BYTES} characters`);
  }
  return { status: response.statusCode ?? 0, text };
}
