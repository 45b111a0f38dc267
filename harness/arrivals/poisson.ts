import type { Random } from '../random.ts';
import type { Gaps } from './gaps.ts';

/** Exponential gaps; memoryless, so the first needs no correction. */
export function poissonGaps(random: Random): Gaps {
  const next = () => random.exponential(1);
  return { first: next, next };
}
