import type { Random } from '../random.ts';

/** Parameters of the delays between attempts, in ms. */
export interface BackoffOptions {
  /** Ceiling of the delay before the first retry; it doubles with each further one. */
  readonly baseDelayMs: number;
  /** Upper bound of the ceiling. */
  readonly maxDelayMs: number;
  /** `full`: uniform in [0, ceiling); `equal`: uniform in [ceiling/2, ceiling); `none`: the ceiling itself. */
  readonly jitter: 'full' | 'equal' | 'none';
}

/**
 * Delay in ms before retry number `retry`, counted from 1: min(maxDelayMs, baseDelayMs · 2^(retry−1)), with jitter.
 * Names and formulas from "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
 */
export function backoffMs(options: BackoffOptions, retry: number, random: Random): number {
  const ceilingMs = Math.min(options.maxDelayMs, options.baseDelayMs * 2 ** (retry - 1));
  if (options.jitter === 'none') return ceilingMs;
  if (options.jitter === 'equal') return ceilingMs / 2 + (random.next() * ceilingMs) / 2;
  return random.next() * ceilingMs;
}
