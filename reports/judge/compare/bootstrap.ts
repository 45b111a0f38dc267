import type { Random } from '../../../harness/random.ts';
import { LEVEL } from '../statistics.ts';
import { MIN_ERROR_RATIO, momentsOf } from '../variants/mean-interval.ts';
import { figureOf, type Side } from './sampled.ts';

/** Difference of an indicator as it was measured and as it was drawn again. */
export interface Resampled {
  readonly value: number;
  /** Standard error of `value`; 0 where all draws are equal. */
  readonly error: number;
  /** Deviation of each draw from `value` in its standard errors; the draws of all indicators are of the same requests. */
  readonly deviations: Float64Array;
}

/** Interval whose bounds each hold with 95 % for all indicators together. */
export interface SimultaneousInterval {
  readonly lower: number;
  readonly upper: number;
  /** Difference above 0 that such an interval excludes from 0 four times out of five; null where unknown. */
  readonly detectable: number | null;
}

const DRAWS = 1000;
/** Normal quantile of 80 %, the power of `detectable`. */
const Z_80 = 0.842;
/** Of a quantile that is infinite in more of the draws there is no interval. */
const MAX_INFINITE_RATIO = 0.01;

/** Difference of an indicator: of a latency the logarithm of the ratio, of a share the difference; null where there is none. */
export function differenceOf(base: number | null, candidate: number | null, q: number | null): number | null {
  if (base === null || candidate === null) return null;
  const difference = q === null ? candidate - base : Math.log(candidate / base);
  return Number.isFinite(difference) ? difference : null;
}

/**
 * Draws the blocks of both sides again, each from its phase, and takes the differences (bootstrap over blocks: Künsch, Annals of Statistics
 * 17, 1989). Of the n blocks of a phase n − 1 are drawn and weighted by n/(n − 1), which keeps the variance of few blocks (Rao & Wu, JASA 83,
 * 1988). Paired sides draw the same blocks, which are of the same arrivals.
 * @param quantiles of the indicators, see `Indicator.q`
 * @returns null for an indicator without a finite difference
 */
export function resampleBlocks(
  base: Side,
  candidate: Side,
  quantiles: readonly (number | null)[],
  isPaired: boolean,
  random: Random,
): (Resampled | null)[] {
  const values = quantiles.map((q, index) =>
    differenceOf(figureOf(base.pooled[index]!, q), figureOf(candidate.pooled[index]!, q), q),
  );
  const drawn = quantiles.map(() => new Float64Array(DRAWS));
  const weights = new Float64Array(base.phases.at(-1)!);
  const others = isPaired ? weights : new Float64Array(candidate.phases.at(-1)!);
  for (let draw = 0; draw < DRAWS; draw += 1) {
    drawBlocks(base.phases, weights, random);
    if (!isPaired) drawBlocks(candidate.phases, others, random);
    quantiles.forEach((q, index) => {
      if (values[index] === null) return;
      const pair = [figureOf(base.pooled[index]!, q, weights), figureOf(candidate.pooled[index]!, q, others)] as const;
      drawn[index]![draw] = differenceOf(...pair, q) ?? Number.NaN;
    });
  }
  return values.map((value, index) => {
    if (value === null) return null;
    const finite = drawn[index]!.filter(Number.isFinite);
    if (finite.length < (1 - MAX_INFINITE_RATIO) * DRAWS) return null;
    const mean = finite.reduce((sum, one) => sum + one, 0) / finite.length;
    const squares = finite.reduce((sum, one) => sum + (one - mean) ** 2, 0);
    const spread = Math.sqrt(squares / (finite.length - 1));
    const deviations = drawn[index]!.map(one => (Number.isFinite(one) && spread > 0 ? (one - value) / spread : 0));
    return { value, error: spread, deviations };
  });
}

function drawBlocks(phases: readonly number[], weights: Float64Array, random: Random): void {
  weights.fill(0);
  for (let phase = 0; phase + 1 < phases.length; phase += 1) {
    const first = phases[phase]!;
    const count = phases[phase + 1]! - first;
    const weight = count / (count - 1);
    for (let drawn = 1; drawn < count; drawn += 1) weights[first + Math.floor(random.next() * count)]! += weight;
  }
}

/**
 * Draws whole runs again, for several on each side: the difference is that of the means over the runs (studentised bootstrap, see `meanInterval`).
 * @param figures of the runs by indicator; null where one has none. Paired sides have the runs of one seed at the same place
 */
export function resampleRuns(
  base: readonly (readonly number[] | null)[],
  candidate: readonly (readonly number[] | null)[],
  isPaired: boolean,
  random: Random,
): (Resampled | null)[] {
  const [first] = base.filter(values => values !== null);
  const [other] = candidate.filter(values => values !== null);
  if (!first || !other) return base.map(() => null);
  const draws = Array.from({ length: DRAWS }, () => {
    const indices = first.map(() => Math.floor(random.next() * first.length));
    return [indices, isPaired ? indices : other.map(() => Math.floor(random.next() * other.length))] as const;
  });
  return base.map((values, index) => {
    const others = candidate[index];
    if (!values || !others) return null;
    const all = differenceOfMeans(values, others, isPaired);
    const deviations = Float64Array.from(draws, ([ones, twos]) => {
      const drawn = differenceOfMeans(
        ones.map(at => values[at]!),
        twos.map(at => others[at]!),
        isPaired,
      );
      const error = Math.max(drawn.error, MIN_ERROR_RATIO * all.error);
      return error === 0 ? 0 : (drawn.value - all.value) / error;
    });
    return { ...all, deviations };
  });
}

/** Difference of the means and its standard error (Welch's, or that of the pairs). */
function differenceOfMeans(base: readonly number[], candidate: readonly number[], isPaired: boolean) {
  const [one, other] = [momentsOf(base), momentsOf(candidate)];
  const value = other.mean - one.mean;
  if (isPaired) return { value, error: momentsOf(candidate.map((each, index) => each - base[index]!)).error };
  return { value, error: Math.hypot(one.error, other.error) };
}

/**
 * Intervals that hold together, by the largest deviation of each draw (Romano & Wolf, Econometrica 73, 2005): indicators that move together, such
 * as P50 and P99, widen them less than a division of the level among them would.
 * @param freedoms degrees of freedom of each standard error, for the quantile of Student's t instead of the normal one (Abramowitz & Stegun
 *   26.7.5, first term)
 */
export function simultaneousIntervals(
  resampled: readonly (Resampled | null)[],
  freedoms: readonly number[],
): (SimultaneousInterval | null)[] {
  const varying = resampled.filter(one => one !== null && one.error > 0) as Resampled[];
  const criticalOf = (sign: 1 | -1) => {
    const largest = Float64Array.from({ length: DRAWS }, (_, draw) =>
      Math.max(...varying.map(({ deviations }) => sign * deviations[draw]!)),
    ).sort();
    return Math.max(0, largest[Math.ceil(LEVEL * DRAWS) - 1]!);
  };
  const [high, low] = varying.length === 0 ? [0, 0] : [criticalOf(1), criticalOf(-1)];
  return resampled.map((one, index) => {
    if (!one) return null;
    const { value, error } = one;
    const widened = (c: number) => c * (1 + (c ** 2 + 1) / (4 * freedoms[index]!)) * error;
    return { lower: value - widened(high), upper: value + widened(low), detectable: widened(high) + Z_80 * error };
  });
}
