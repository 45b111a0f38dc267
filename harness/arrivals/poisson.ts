import type { Random } from '../random.ts';
import type { Gaps } from './gaps.ts';

/** Exponential gaps, which forget how long they have lasted: the first is like every other. */
export function poissonGaps(random: Random): Gaps {
  const next = () => random.exponential(1);
  return { first: next, next };
}
