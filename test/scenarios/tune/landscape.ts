import { seededRandom } from '../../../harness/random.ts';
import type { Instance, Trial } from '../../../scenarios/tune/ledger.ts';
import type { Axis, Point } from '../../../scenarios/tune/proposals.ts';
import { type Found, type SearchOptions, search } from '../../../scenarios/tune/search.ts';

/** A scripted target: what each point costs and whether it meets the SLOs is known, and so is the optimum. */
export interface Landscape {
  readonly axes: readonly Axis[];
  /** Without noise. */
  readonly cost: (point: Point) => number;
  /** Safety that is missing; the SLOs are met up to 0. Without noise. */
  readonly missing: (point: Point) => number;
}

/**
 * Sizes of the dimensions of an HPA with one metric: target, windows and policies of both directions. Each step towards the cheap end saves
 * a part of the cost and takes away some safety, by weights that the seed draws, and the demand is such that the optimum lies inside.
 * @param own the user's point as a ratio of each axis
 */
export function landscape(seed: number, own: number): Landscape {
  const random = seededRandom(seed);
  const sizes = [49, 8, 6, 14, 7];
  // What an axis saves in all, and what safety it has in all: another trade on each.
  const saves = sizes.map(() => 0.05 + 0.5 * random.next());
  const holds = sizes.map(() => 0.2 + random.next());
  const bend = sizes.map(() => 0.6 + random.next());
  const required = (0.35 + 0.3 * random.next()) * holds.reduce((sum, value) => sum + value, 0);
  const at = (point: Point, axis: number) => point[axis]! / (sizes[axis]! - 1);
  return {
    axes: sizes.map(size => ({ size, own: Math.round(own * (size - 1)) })),
    cost: point => 10 * saves.reduce((product, save, axis) => product * (1 - save * at(point, axis)), 1),
    missing: point =>
      required - holds.reduce((sum, hold, axis) => sum + hold * (1 - at(point, axis) ** bend[axis]!), 0),
  };
}

/** Cost of the cheapest point of a landscape that meets its SLOs, of all. */
export function optimum({ axes, cost, missing }: Landscape): number {
  let lowest = Number.POSITIVE_INFINITY;
  const visit = (point: number[]) => {
    if (point.length < axes.length) {
      for (let index = 0; index < axes[point.length]!.size; index += 1) visit([...point, index]);
    } else if (missing(point) <= 0) lowest = Math.min(lowest, cost(point));
  };
  visit([]);
  return lowest;
}

/** Instances of two load shapes. @param from first seed */
export function instancesFrom(from: number, count: number): Instance[] {
  return Array.from({ length: count }, (_, index) => [0, 1].map(shape => ({ shape, seed: from + index }))).flat();
}

/** Seeds of the nth confirmation. */
export const heldOutFrom = (nth: number) => 1000 + 100 * nth;

/** Searches a landscape, whose second shape costs three times as much, with a budget in runs. */
export async function searchIn(
  { axes, cost, missing }: Landscape,
  budget: number,
  options: Partial<SearchOptions> & { readonly noise?: (instance: Instance) => number } = {},
): Promise<{ readonly found: Found; readonly runs: number; readonly order: readonly string[] }> {
  const { noise = () => 0 } = options;
  const order: string[] = [];
  const run = async (point: Point, instance: Instance): Promise<Trial> => {
    order.push(`${point} ${instance.shape} ${instance.seed}`);
    const lack = missing(point) + noise(instance);
    const scale = instance.shape === 0 ? 1 : 3;
    const met = lack <= 0;
    return { met, violation: met ? 0 : 1 + lack, cost: scale * cost(point), reason: met ? '' : 'p99(ttft) failed' };
  };
  const found = await search({
    ...{ axes, run, training: instancesFrom(1, 4), heldOut: nth => instancesFrom(heldOutFrom(nth), 6) },
    hasTime: (runs, later) => order.length + runs + later <= budget,
    ...{ isAllowed: () => true, maxRounds: 1000, random: seededRandom(1), signal: new AbortController().signal },
    ...options,
  });
  return { found, runs: order.length, order };
}
