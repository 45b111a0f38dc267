import { type Clock, systemClock } from '../harness/clock.ts';
import { type FirstByte, probe } from '../harness/host/probe.ts';

/** Timeout of a response, in ms. */
const RESPONSE_LIMIT_MS = 1000;

/**
 * Whether `url` is ready: responds within a second with 2xx, or with `PONG` from Redis.
 * @param send sends one probe; throws without a response. @default from this process
 * @throws the signal's reason on abort
 */
export async function isReadyAt(
  url: string,
  signal: AbortSignal,
  send: (url: string, signal: AbortSignal) => Promise<Pick<FirstByte, 'isReady'>> = (target, abort) =>
    probe(target, { clock: systemClock, signal: abort }),
  clock: Clock = systemClock,
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
