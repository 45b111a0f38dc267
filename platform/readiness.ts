import type { Clock } from '../harness/clock.ts';
import type { FirstByte } from '../harness/host/probe.ts';

/** Timeout of a response, in ms. */
const RESPONSE_LIMIT_MS = 1000;

/**
 * Whether `url` is ready: responds within a second with 2xx, or with `PONG` from Redis.
 * @param send sends one probe; throws without a response
 * @throws the signal's reason on abort
 */
export async function isReadyAt(
  url: string,
  signal: AbortSignal,
  send: (url: string, signal: AbortSignal) => Promise<Pick<FirstByte, 'isReady'>>,
  clock: Clock,
): Promise<boolean> {
  signal.throwIfAborted();
  const limited = AbortSignal.any([signal, clock.timeout(RESPONSE_LIMIT_MS)]);
  const isReady = await send(url, limited).then(
    response => response.isReady,
    () => false,
  );
  signal.throwIfAborted();
  return isReady;
}
