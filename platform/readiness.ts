import { systemClock } from '../harness/clock.ts';
import { type FirstByte, probe } from '../harness/host/probe.ts';

/** Longest wait for one answer, in ms. */
const ANSWER_LIMIT_MS = 1000;

/** Sends one probe. @throws when nothing answers, or the signal's reason on abort */
export type Look = (url: string, signal: AbortSignal) => Promise<Pick<FirstByte, 'isReady'>>;

const lookFromHere: Look = (url, signal) => probe(url, { clock: systemClock, signal });

/**
 * Whether `url` answers within a second that it is ready: 2xx, or `PONG` from a Redis. Anything else is false: refused, reset, too slow,
 * another answer.
 * @throws the signal's reason on abort
 */
export async function answersReady(url: string, signal: AbortSignal, look: Look = lookFromHere): Promise<boolean> {
  signal.throwIfAborted();
  const limited = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_LIMIT_MS)]);
  const isReady = await look(url, limited).then(
    seen => seen.isReady,
    () => false,
  );
  signal.throwIfAborted();
  return isReady;
}
