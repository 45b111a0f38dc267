import type { Gaps } from './gaps.ts';

/** Arrivals at every whole number of cumulated rate, from 0. */
export function constantGaps(): Gaps {
  return { first: () => 0, next: () => 1 };
}
