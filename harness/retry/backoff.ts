import type { RetryPlan } from '../plan.ts';
import type { Random } from '../random.ts';

/**
 * Delay in ms before retry number `retry`, counted from 1: the ceiling min(maxDelayMs, baseDelayMs · 2^(retry−1)), with jitter. `full`:
 * uniform in [0, ceiling); `equal`: uniform in [ceiling/2, ceiling); `none`: the ceiling itself.
 * Names and formulas from "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
 */
export function backoffMs(
  options: Pick<RetryPlan, 'baseDelayMs' | 'maxDelayMs' | 'jitter'>,
  retry: number,
  random: Random,
): number {
  const ceilingMs = Math.min(options.maxDelayMs, options.baseDelayMs * 2 ** (retry - 1));
  if (options.jitter === 'none') return ceilingMs;
  if (options.jitter === 'equal') return ceilingMs / 2 + (random.next() * ceilingMs) / 2;
  return random.next() * ceilingMs;
}
