/**
 * Statistics behind the verdicts. No function assumes a shape of the latency distribution; all assume independent samples, which
 * requests of one burst are only approximately: a close result warrants a longer or a repeated run.
 *
 * Deliberately not implemented: means and standard deviations of latencies, and averages of percentiles.
 */

/** One-sided confidence level of each bound. */
export const LEVEL = 0.95;

/**
 * Rank (1…n) of the empirical quantile by the nearest-rank definition, ⌈q·n⌉: the smallest sample that at least the fraction `q` of
 * all samples does not exceed. Always a measured value, never an interpolation.
 * @param q above 0, at most 1
 */
export function nearestRank(count: number, q: number): number {
  // The factor corrects products that exceed an integer only by rounding, such as 0.07·100 = 7.000000000000001.
  return Math.min(count, Math.max(1, Math.ceil(q * count * (1 - 1e-12))));
}

/** Ranks (1…n) of the order statistics that bound a quantile; null where n is too small for a bound. */
export interface RankBounds {
  readonly lower: number | null;
  readonly upper: number | null;
}

/**
 * Distribution-free bounds of the q-quantile of a continuous distribution from n independent samples: the number of samples at or
 * below the true quantile is binomial(n, q) for any distribution (David & Nagaraja, Order Statistics, §7.1).
 *
 * ```
 * upper u: P(B ≤ u−1) ≥ level, the smallest such      lower l: P(B ≤ l−1) ≤ 1−level, the largest such
 * ```
 *
 * @param q between 0 and 1, both excluded
 */
export function quantileRanks(count: number, q: number, level = LEVEL): RankBounds {
  if (count === 0) return { lower: null, upper: null };
  const below = smallest(count, j => binomialCdf(j, count, q) > 1 - level);
  const above = smallest(count, j => binomialCdf(j, count, q) >= level);
  return { lower: below === 0 ? null : below, upper: above === count ? null : above + 1 };
}

/** Minimum number of samples for a finite upper bound of the q-quantile: the smallest n with qⁿ ≤ 1 − level (P99 at 95 %: 299). */
export function samplesForUpperBound(q: number, level = LEVEL): number {
  return Math.ceil(Math.log(1 - level) / Math.log(q));
}

/** Minimum number of requests of which none is bad, to show that a ratio is at most `ratio` (0–1); infinite for 0. */
export function samplesForRatio(ratio: number, level = LEVEL): number {
  return ratio <= 0 ? Number.POSITIVE_INFINITY : Math.ceil(Math.log(1 - level) / Math.log1p(-Math.min(1, ratio)));
}

/** Closed interval; each bound has the requested level on its own. */
export interface Interval {
  readonly lower: number;
  readonly upper: number;
}

/**
 * Clopper–Pearson bounds of a ratio (Biometrika 26, 1934), each one-sided at `level`. Preferred to Wilson's score bounds, whose
 * one-sided coverage is off by up to several points near 0 and 1 (Cai, J. Stat. Plan. Inference 131, 2005), where error ratios are;
 * these never fall below the level, at the price of slightly wider intervals.
 * @param hits 0…count
 */
export function ratioBounds(hits: number, count: number, level = LEVEL): Interval {
  if (count === 0) return { lower: 0, upper: 1 };
  return {
    lower: hits === 0 ? 0 : bisect(p => 1 - binomialCdf(hits - 1, count, p) >= 1 - level),
    upper: hits === count ? 1 : bisect(p => binomialCdf(hits, count, p) <= 1 - level),
  };
}

/** One-sided 95 % quantile of Student's t with 9 degrees of freedom (any printed table). */
const T_95_9 = 1.833;
/** Number of batches in {@link batchMeanBounds}. */
export const BATCHES = 10;

/**
 * Bounds of a rate by the method of batch means (Law, Simulation Modeling and Analysis, §9.5.3): the counts of ten equal parts of a
 * window are nearly independent even where neighbouring requests are not, so their mean has a t interval with 9 degrees of freedom,
 * one-sided at 95 % each. Counts are integers, so their standard stddev is taken as at least one half.
 * @param counts {@link BATCHES} counts
 * @returns bounds of the mean count, never negative
 */
export function batchMeanBounds(counts: readonly number[]): Interval {
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  const variance = counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / (counts.length - 1);
  const half = T_95_9 * Math.sqrt(Math.max(variance, 0.25) / counts.length);
  return { lower: Math.max(0, mean - half), upper: mean + half };
}

/**
 * Ratio Σsum/Σcount over parts of a window, with bounds one-sided at 95 % each: variance of the ratio estimator from its residuals
 * (Cochran, Sampling Techniques, §6.4), and Student's t with one degree of freedom less than there are parts. As in
 * {@link batchMeanBounds}, the standard stddev is taken as at least one half, since equal integers would have none.
 * @param parts {@link BATCHES} parts with a positive total count
 */
export function ratioEstimate(
  parts: readonly { readonly sum: number; readonly count: number }[],
): Interval & { readonly ratio: number } {
  const total = parts.reduce((all, { count }) => all + count, 0);
  const ratio = parts.reduce((all, { sum }) => all + sum, 0) / total;
  const squares = parts.reduce((all, { sum, count }) => all + (sum - ratio * count) ** 2, 0) / (parts.length - 1);
  const half = (T_95_9 * Math.sqrt(parts.length * Math.max(squares, 0.25))) / total;
  return { ratio, lower: ratio - half, upper: ratio + half };
}

/** P(B ≤ k) for binomial(n, p), as I₁₋ₚ(n−k, k+1) (DLMF 8.17.5); O(√n), accurate to 1e-8 at n = 1e6. */
export function binomialCdf(k: number, n: number, p: number): number {
  if (k < 0) return 0;
  if (k >= n || p <= 0) return 1;
  if (p >= 1) return 0;
  return incompleteBeta(n - k, k + 1, p);
}

/** P(|T| ≥ t) for Student's t with `freedom` degrees of freedom, as I₁₋ₚ(ν/2, 1/2) for p = t²/(ν + t²) (DLMF 8.17.2, Abramowitz & Stegun 26.7.1). */
export function studentTails(t: number, freedom: number): number {
  if (t === 0) return 1;
  return Number.isFinite(t) ? incompleteBeta(freedom / 2, 0.5, t ** 2 / (freedom + t ** 2)) : 0;
}

/** I₁₋ₚ(a, b), the regularized incomplete beta function. @param p between 0 and 1, both excluded */
function incompleteBeta(a: number, b: number, p: number): number {
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log1p(-p) + b * Math.log(p));
  const x = 1 - p;
  return x < (a + 1) / (a + b + 2) ? (front * betaFraction(x, a, b)) / a : 1 - (front * betaFraction(p, b, a)) / b;
}

/** Continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method. */
function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  const safe = (value: number) => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / safe(1 - ((a + b) * x) / (a + 1));
  let result = d;
  for (let m = 1; m <= 20_000; m += 1) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / safe(1 + even * d);
    c = safe(1 + even / c);
    result *= c * d;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / safe(1 + odd * d);
    c = safe(1 + odd / c);
    result *= c * d;
    if (Math.abs(c * d - 1) < 1e-14) break;
  }
  return result;
}

/** ln Γ(x) for x > 0 by Stirling's series (DLMF 5.11.1), shifted for small x. */
export function logGamma(x: number): number {
  let shift = 0;
  let y = x;
  for (; y < 10; y += 1) shift += Math.log(y);
  const inverse = 1 / (y * y);
  const series = (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse / 1680))) / y;
  return (y - 0.5) * Math.log(y) - y + 0.5 * Math.log(2 * Math.PI) + series - shift;
}

/** Smallest integer in [0, end) that passes a monotonic test; `end` if none does. */
function smallest(end: number, holds: (value: number) => boolean): number {
  let low = 0;
  let high = end;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Smallest p in [0, 1] that passes a monotonic test, to 2⁻⁵⁰. */
function bisect(holds: (p: number) => boolean): number {
  let low = 0;
  let high = 1;
  for (let step = 0; step < 50; step += 1) {
    const middle = (low + high) / 2;
    if (holds(middle)) high = middle;
    else low = middle;
  }
  return (low + high) / 2;
}
