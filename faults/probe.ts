import type { Clock } from '../harness/clock.ts';
import { withLimit } from '../harness/clock.ts';
import type { Link, Observation, Probe, Replica, RunningStack } from '../harness/contracts.ts';

const LOOK_AGAIN_MS = 50;
/** Every service answers it as long as its process works. */
const PROBE_PATH = '/healthz';

/** Sends `count` probes one after another. @throws what {@link RunningStack.probe} throws, at the first that fails */
export async function probes(
  count: number,
  stack: RunningStack,
  ...probing: Parameters<RunningStack['probe']>
): Promise<Probe[]> {
  const results: Probe[] = [];
  while (results.length < count) results.push(await stack.probe(...probing));
  return results;
}

/** The middle value; of two middle ones the upper. `values` must not be empty. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/**
 * How a link or a replica took one probe: `answered`, `refused` when it was turned away or cut off, `silent` when nothing had come
 * back by the limit: what tells one that hangs from one that is gone.
 */
export interface Reaction {
  readonly kind: 'answered' | 'refused' | 'silent';
  readonly sentMs: number;
  readonly tookMs: number;
}

/**
 * Sends one probe and waits `limitMs` at most.
 * @throws the signal's reason on abort, and nothing else
 */
export async function reactionOf(
  target: Link | Replica,
  limitMs: number,
  { stack, clock }: { readonly stack: RunningStack; readonly clock: Clock },
  signal: AbortSignal,
): Promise<Reaction> {
  const sentMs = clock.nowMs();
  let isLate = false;
  const probing = (limited: AbortSignal) => stack.probe(target, PROBE_PATH, limited);
  try {
    const { ttfbMs } = await withLimit(limitMs, signal, probing, clock, () => {
      isLate = true;
    });
    return { kind: 'answered', sentMs, tookMs: ttfbMs };
  } catch {
    signal.throwIfAborted();
    return { kind: isLate ? 'silent' : 'refused', sentMs, tookMs: clock.nowMs() - sentMs };
  }
}

/** Looks again and again until something is seen. @throws the signal's reason on abort, or what the look throws */
export async function lookUntil(
  look: () => Promise<Observation | undefined>,
  clock: Clock,
  signal: AbortSignal,
): Promise<Observation> {
  for (;;) {
    signal.throwIfAborted();
    const seen = await look();
    signal.throwIfAborted();
    if (seen) return seen;
    await clock.sleep(LOOK_AGAIN_MS, signal);
  }
}

/** `3 s` or `0.4 s`: a span in words, from `fromMs` to now. */
export function secondsSince(fromMs: number, clock: Clock): string {
  return `${((clock.nowMs() - fromMs) / 1000).toFixed(1)} s`;
}
