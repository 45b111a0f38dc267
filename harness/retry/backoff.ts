import type { Random } from '../random.ts';

/** Shape of the waits between attempts, in milliseconds. */
export interface BackoffOptions {
  /** Longest wait before the first retry; each further one doubles it. */
  readonly baseDelayMs: number;
  /** Bound of every wait. */
  readonly maxDelayMs: number;
  /** `full`: uniform in [0, ceiling); `equal`: uniform in [ceiling/2, ceiling); `none`: the ceiling itself. */
  readonly jitter: 'full' | 'equal' | 'none';
}

/**
 * How long to wait before retry number `retry` (1 is the first): min(maxDelayMs, baseDelayMs · 2^(retry−1)), with jitter.
 * Names and formulas from "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
 */
export function backoffMs(options: BackoffOptions, retry: number, random: Random): number {
  const ceilingMs = Math.min(options.maxDelayMs, options.baseDelayMs * 2 ** (retry - 1));
  if (options.jitter === 'none') return ceilingMs;
  if (options.jitter === 'equal') return ceilingMs / 2 + (random.next() * ceilingMs) / 2;
  return random.next() * ceilingMs;
}
