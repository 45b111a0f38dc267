import { get } from 'node:http';

/** Longest wait for one answer, in ms. */
const ANSWER_LIMIT_MS = 1000;

/**
 * Whether `url` answers 2xx on a connection of its own. Anything else is false: refused, reset, too slow, another status.
 * @throws the signal's reason on abort
 */
export async function answersReady(url: string, signal: AbortSignal): Promise<boolean> {
  signal.throwIfAborted();
  const limited = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_LIMIT_MS)]);
  const status = await new Promise<number>(resolve => {
    const request = get(url, { agent: false, signal: limited }, response => {
      response.on('error', () => {}).resume();
      resolve(response.statusCode ?? 0);
    });
    request.on('error', () => resolve(0));
  });
  signal.throwIfAborted();
  return status >= 200 && status < 300;
}
