import type { Random } from './random.ts';

/**
 * How a number is drawn: token counts, or milliseconds. `least` and `most` bound what a distribution would spread without end;
 * a draw beyond is moved to the bound.
 *
 * - `[least, most]`: uniform
 * - `normal`: with mean and standard deviation
 * - `lognormal`: with median and the standard deviation `sigma` of the logarithm, as prompt lengths mostly are
 * - `empirical`: one of the values, each equally likely; name one twice and it is twice as likely
 */
export type Distribution =
  | readonly [least: number, most: number]
  | { readonly kind: 'fixed'; readonly value: number }
  | {
      readonly kind: 'normal';
      readonly mean: number;
      readonly deviation: number;
      readonly least: number;
      readonly most: number;
    }
  | {
      readonly kind: 'lognormal';
      readonly median: number;
      readonly sigma: number;
      readonly least: number;
      readonly most: number;
    }
  | { readonly kind: 'empirical'; readonly values: readonly number[] };

/** A real number. */
export function draw(distribution: Distribution, random: Random): number {
  if (isRange(distribution)) return distribution[0] + (distribution[1] - distribution[0]) * random.next();
  switch (distribution.kind) {
    case 'fixed':
      return distribution.value;
    case 'empirical':
      return random.pick(distribution.values);
    case 'normal':
      return bounded(distribution, distribution.mean + distribution.deviation * random.normal());
    case 'lognormal':
      return bounded(distribution, distribution.median * Math.exp(distribution.sigma * random.normal()));
  }
}

/** A whole number; uniform ones have both bounds included. */
export function drawCount(distribution: Distribution, random: Random): number {
  return isRange(distribution) ? random.integer(...distribution) : Math.round(draw(distribution, random));
}

/** `Array.isArray` does not tell readonly tuples apart. */
function isRange(distribution: Distribution): distribution is readonly [number, number] {
  return Array.isArray(distribution);
}

function bounded({ least, most }: { least: number; most: number }, value: number): number {
  return Math.min(most, Math.max(least, value));
}
