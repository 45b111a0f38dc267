import type { FaultPlan, RunPlan } from './plan.ts';

/** Partition of a schedule: the arrivals whose index modulo `step` is `first`. */
export interface Partition {
  /** 0 … step − 1. */
  readonly first: number;
  /** Number of partitions, at least 1. */
  readonly step: number;
}

/** The only partition of an undivided schedule. */
export const WHOLE: Partition = { first: 0, step: 1 };

/** Partition of segment `index`, counted from 1, of `of` segments. */
export function partitionOfSegment({ index, of }: { readonly index: number; readonly of: number }): Partition {
  return { first: index - 1, step: of };
}

/**
 * Part `nth` (from 0) of `count` equal parts of a partition. The parts are disjoint, and their union is the partition:
 *
 * ```
 * schedule      0 1 2 3 4 5 6 7 8 9 …
 * segment 1/2   0   2   4   6   8          first 0, step 2
 *   worker 0    0       4       8          first 0, step 4
 *   worker 1        2       6              first 2, step 4
 * ```
 *
 * Round-robin assignment thins every stretch of the schedule equally, to within one arrival, ramps and bursts included. One
 * partition of a Poisson process is more regular than a Poisson process; the union is exactly the schedule.
 */
export function subdivide({ first, step }: Partition, nth: number, count: number): Partition {
  return { first: first + step * nth, step: step * count };
}

/** Arrivals of a partition, in order, each with its `index` in the whole schedule, from 0. */
export function* arrivalsOf<Arrival extends { readonly atMs: number }>(
  schedule: Iterable<Arrival>,
  { first, step }: Partition,
): Generator<Arrival & { readonly index: number }> {
  let index = 0;
  for (const arrival of schedule) {
    if (index % step === first) yield { ...arrival, index };
    index += 1;
  }
}

/** Part of a limit that belongs to a partition; the parts of all partitions add up to `total`. @param total at least `step` */
export function partOf(total: number, { first, step }: Partition): number {
  return Math.floor(total / step) + (first < total % step ? 1 : 0);
}

/**
 * Whether this run injects a fault of its plan. Every segment injects faults on links, since each has its own links; everything
 * else is shared, and only the first segment injects those faults.
 */
export function injects({ segment }: Pick<RunPlan, 'segment'>, { target }: Pick<FaultPlan, 'target'>): boolean {
  return segment === undefined || segment.index === 1 || target.includes('→');
}
