import { type Clock, withLimit } from '../harness/clock.ts';
import type { Link, Observation, Replica, RunningStack } from '../harness/contracts.ts';

const POLL_MS = 50;
/** Every service responds to it as long as its process works. */
export const PROBE_PATH = '/healthz';

/**
 * Reaction of a link or a replica to one probe: `responded`, `failed` when the connection was refused or closed, `timed-out` when nothing
 * arrived in time, which tells a service that hangs from one that is gone.
 */
export interface Reaction {
  readonly kind: 'responded' | 'failed' | 'timed-out';
  readonly sentMs: number;
  readonly tookMs: number;
}

/**
 * Sends one probe and waits for at most `timeoutMs`.
 * @throws the signal's reason on abort, and nothing else
 */
export async function reactionOf(
  target: Link | Replica,
  timeoutMs: number,
  { stack, clock }: { readonly stack: RunningStack; readonly clock: Clock },
  signal: AbortSignal,
): Promise<Reaction> {
  const sentMs = clock.nowMs();
  let isLate = false;
  const probing = (limited: AbortSignal) => stack.probe(target, PROBE_PATH, limited);
  try {
    const { ttfbMs } = await withLimit(timeoutMs, signal, probing, clock, () => {
      isLate = true;
    });
    return { kind: 'responded', sentMs, tookMs: ttfbMs };
  } catch {
    signal.throwIfAborted();
    return { kind: isLate ? 'timed-out' : 'failed', sentMs, tookMs: clock.nowMs() - sentMs };
  }
}

/** Timeout of a probe that is not expected to get a response: 1 s, or half of a fault shorter than 2 s. */
export function silenceMs(forMs: number | null): number {
  return Math.min(1000, (forMs ?? Number.POSITIVE_INFINITY) / 2);
}

/** Polls every 50 ms until `look` observes something. @throws the signal's reason on abort, or the error of `look` */
export async function lookUntil(
  clock: Clock,
  signal: AbortSignal,
  look: () => Promise<Observation | undefined>,
): Promise<Observation> {
  for (;;) {
    signal.throwIfAborted();
    const seen = await look();
    signal.throwIfAborted();
    if (seen) return seen;
    await clock.sleep(POLL_MS, signal);
  }
}

/** Waits until a replica is ready. @param fault what happened to it at `sinceMs`, such as `kill` */
export async function readyAgain(
  replica: Replica,
  fault: string,
  sinceMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<Observation> {
  await replica.ready(signal);
  const evidence = `${replica.name} is ready as ${replica.instance}, ${secondsSince(sinceMs, clock)} after the ${fault}`;
  return { atMs: clock.nowMs(), evidence };
}

/** Time from `fromMs` to now, such as `0.4 s`. */
export function secondsSince(fromMs: number, clock: Clock): string {
  return `${((clock.nowMs() - fromMs) / 1000).toFixed(1)} s`;
}
