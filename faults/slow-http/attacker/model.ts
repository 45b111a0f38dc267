import { SquallError } from '../../../harness/errors.ts';
import { type AttackTarget, requestTo } from './target.ts';

const LIMIT_MS = 3000;
const MAX_BYTES = 1_000_000;

/**
 * The first model that an OpenAI-compatible target lists.
 * @throws SquallError `NO_MODEL`
 */
export async function firstModel(target: AttackTarget, authorization: string, signal: AbortSignal): Promise<string> {
  const text = await listing(target, authorization, AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)])).catch(
    () => '',
  );
  signal.throwIfAborted();
  const id = /"id"\s*:\s*"([^"\\]+)"/.exec(text)?.[1];
  if (id !== undefined) return id;
  throw new SquallError('environment', 'NO_MODEL', `${target.url} does not list a model at /v1/models`, {
    next: 'Name one as the `model` of the attack; if the target wants a key, put that into SQUALL_TARGET_AUTHORIZATION.',
  });
}

function listing(target: AttackTarget, authorization: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { host: target.host, ...(authorization === '' ? {} : { authorization }) };
    const request = requestTo(target, { path: '/v1/models', headers, signal });
    request.on('response', response => {
      let text = '';
      response.on('data', chunk => {
        text += chunk;
        if (text.length > MAX_BYTES) request.destroy(new Error('too long'));
      });
      response.on('end', () => resolve(text));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end();
  });
}
