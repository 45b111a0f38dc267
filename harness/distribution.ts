import type { Random } from './random.ts';

interface Bounds {
  readonly min: number;
  readonly max: number;
}

/**
 * Distribution of token counts or milliseconds. `min` and `max` clamp the draws of an unbounded distribution.
 *
 * - `[min, max]`: uniform
 * - `normal`: by mean and standard deviation
 * - `lognormal`: by median and the standard deviation `sigma` of the logarithm; typical of prompt lengths
 * - `empirical`: one of the values, each equally likely; a value listed twice is twice as likely
 */
export type Distribution =
  | readonly [min: number, max: number]
  | { readonly kind: 'fixed'; readonly value: number }
  | ({ readonly kind: 'normal'; readonly mean: number; readonly stddev: number } & Bounds)
  | ({ readonly kind: 'lognormal'; readonly median: number; readonly sigma: number } & Bounds)
  | { readonly kind: 'empirical'; readonly values: readonly number[] };

/** Draws a real number. */
export function draw(distribution: Distribution, random: Random): number {
  if (isRange(distribution)) return distribution[0] + (distribution[1] - distribution[0]) * random.next();
  switch (distribution.kind) {
    case 'fixed':
      return distribution.value;
    case 'empirical':
      return random.pick(distribution.values);
    case 'normal':
      return clamp(distribution, distribution.mean + distribution.stddev * random.normal());
    case 'lognormal':
      return clamp(distribution, distribution.median * Math.exp(distribution.sigma * random.normal()));
  }
}

/** Draws an integer; a uniform distribution includes both bounds. */
export function drawCount(distribution: Distribution, random: Random): number {
  return isRange(distribution) ? random.integer(...distribution) : Math.round(draw(distribution, random));
}

/** Narrows to the tuple, which `Array.isArray` does not do for a readonly one. */
function isRange(distribution: Distribution): distribution is readonly [number, number] {
  return Array.isArray(distribution);
}

function clamp({ min, max }: Bounds, value: number): number {
  return Math.min(max, Math.max(min, value));
}
