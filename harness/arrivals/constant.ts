import type { Gaps } from './gaps.ts';

/** Gaps of 1: an arrival at every integer of the cumulative rate, from 0. */
export function constantGaps(): Gaps {
  return { first: () => 0, next: () => 1 };
}
