import type { FaultPlan, RunPlan } from './plan.ts';

/** Whose turn it is when several share a schedule: the arrivals whose index leaves `first` when divided by `step`. */
export interface Share {
  /** 0 … step − 1. */
  readonly first: number;
  /** How many share, at least 1. */
  readonly step: number;
}

/** The share of somebody who is alone. */
export const WHOLE: Share = { first: 0, step: 1 };

/** The share of segment `index` (from 1) of `of`. */
export function shareOfSegment({ index, of }: { readonly index: number; readonly of: number }): Share {
  return { first: index - 1, step: of };
}

/**
 * Deals a share on among `count`; `nth` counts from 0. The shares of all are disjoint, and together the share that was dealt:
 *
 * ```
 * schedule      0 1 2 3 4 5 6 7 8 9 …
 * segment 1/2   0   2   4   6   8          first 0, step 2
 *   worker 0    0       4       8          first 0, step 4
 *   worker 1        2       6              first 2, step 4
 * ```
 *
 * Dealing in turn thins every stretch of the schedule alike, to within one arrival, ramps and bursts included. A single share of
 * a Poisson process is more even than a Poisson process; the union is exactly the schedule again.
 */
export function subdivide({ first, step }: Share, nth: number, count: number): Share {
  return { first: first + step * nth, step: step * count };
}

/** The arrivals of a share, in order, each with its `index` in the whole schedule, from 0. */
export function* arrivalsOf<Arrival extends { readonly atMs: number }>(
  schedule: Iterable<Arrival>,
  { first, step }: Share,
): Generator<Arrival & { readonly index: number }> {
  let index = 0;
  for (const arrival of schedule) {
    if (index % step === first) yield { ...arrival, index };
    index += 1;
  }
}

/** A bound that all who share keep together: each has its part, and the parts add up to it. @param total at least `step` */
export function partOf(total: number, { first, step }: Share): number {
  return Math.floor(total / step) + (first < total % step ? 1 : 0);
}

/**
 * Whether this run injects a fault of its plan. A link belongs to the segment whose clients cross it, so every segment breaks its
 * own; anything else is shared by all, and the first segment alone breaks it.
 */
export function injects({ segment }: Pick<RunPlan, 'segment'>, { target }: Pick<FaultPlan, 'target'>): boolean {
  return segment === undefined || segment.index === 1 || target.includes('→');
}
