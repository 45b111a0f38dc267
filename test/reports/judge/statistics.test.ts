import { expect, test } from 'vitest';
import { seededRandom } from '../../../harness/random.ts';
import {
  batchMeanBounds,
  binomialCdf,
  nearestRank,
  quantileRanks,
  ratioBounds,
  ratioEstimate,
  samplesForUpperBound,
} from '../../../reports/judge/statistics.ts';

test.each([
  // The nearest rank is ⌈q·n⌉; 0.07·100 is 7.000000000000001 in floating point, and must have rank 7.
  [1, 0.99, 1],
  [10, 0.5, 5],
  [11, 0.5, 6],
  [100, 0.07, 7],
  [100, 0.99, 99],
  [101, 0.99, 100],
  [1000, 0.999, 999],
  [5, 1, 5],
])('nearest rank of %i samples at %f is %i', (count, q, rank) => {
  expect(nearestRank(count, q)).toBe(rank);
});

test.each([
  // From scipy.stats.binom.cdf, or by hand for short sums.
  [0, 10, 0.5, 1 / 1024],
  [5, 10, 0.5, 638 / 1024],
  [9, 10, 0.5, 1023 / 1024],
  [298, 299, 0.99, 1 - 0.99 ** 299],
  [-1, 10, 0.5, 0],
  [10, 10, 0.5, 1],
])('P(B ≤ %i) of binomial(%i, %f) is %f', (k, n, p, expected) => {
  expect(binomialCdf(k, n, p)).toBeCloseTo(expected, 11);
});

test('the binomial distribution equals the sum of its terms', () => {
  const random = seededRandom(7);
  for (let round = 0; round < 60; round += 1) {
    // Up to 0.9, where the sum's own first term (1 − p)ⁿ does not underflow.
    const [n, p] = [random.integer(1, 300), random.next() * 0.9];
    let term = (1 - p) ** n;
    let sum = 0;
    for (let k = 0; k < n; k += 1) {
      sum += term;
      expect(Math.abs(binomialCdf(k, n, p) - sum)).toBeLessThan(1e-9);
      term *= ((n - k) / (k + 1)) * (p / (1 - p));
    }
  }
});

test.each([
  [0.99, 299],
  [0.95, 59],
  [0.999, 2995],
])('the quantile %f has no finite upper bound below %i samples', (q, needed) => {
  expect(samplesForUpperBound(q)).toBe(needed);
  expect(quantileRanks(needed - 1, q).upper).toBeNull();
  expect(quantileRanks(needed, q).upper).toBe(needed);
});

test('bounds of P99 match order statistics', () => {
  // Two-sided 90 % from two one-sided 95 % bounds: n = 1,000 gives np ± 1.645·√(npq) = 990 ± 5.2.
  expect(quantileRanks(1000, 0.99)).toEqual({ lower: 985, upper: 996 });
  const { lower, upper } = quantileRanks(1_000_000, 0.99);
  expect(lower! / 990_000).toBeCloseTo(1 - (1.645 * 99.5) / 990_000, 5);
  expect(upper! / 990_000).toBeCloseTo(1 + (1.645 * 99.5) / 990_000, 5);
  expect(quantileRanks(0, 0.5)).toEqual({ lower: null, upper: null });
});

test('every rank is the tightest with a level of 95 %', () => {
  for (const n of [1, 5, 30, 59, 299, 777, 5000]) {
    for (const q of [0.5, 0.9, 0.99]) {
      const { lower, upper } = quantileRanks(n, q);
      if (upper !== null) {
        expect(binomialCdf(upper - 1, n, q)).toBeGreaterThanOrEqual(0.95);
        expect(binomialCdf(upper - 2, n, q)).toBeLessThan(0.95);
      }
      if (lower !== null) {
        expect(binomialCdf(lower - 1, n, q)).toBeLessThanOrEqual(0.05);
        expect(binomialCdf(lower, n, q)).toBeGreaterThan(0.05);
      }
    }
  }
});

test.each([
  // One-sided 95 % Clopper–Pearson bounds are the two-sided 90 % ones: scipy.stats.beta.ppf
  [0, 10, 0, 1 - 0.05 ** (1 / 10)],
  [10, 10, 0.05 ** (1 / 10), 1],
  [0, 299, 0, 1 - 0.05 ** (1 / 299)],
  [1, 10, 0.0051162, 0.3941633],
  [5, 10, 0.2224411, 0.7775589],
])('%i hits of %i are bounded by %f and %f', (hits, count, lower, upper) => {
  const bounds = ratioBounds(hits, count);
  expect(bounds.lower).toBeCloseTo(lower, 6);
  expect(bounds.upper).toBeCloseTo(upper, 6);
});

test('a million samples take negligible time', () => {
  const start = performance.now();
  quantileRanks(1_000_000, 0.99);
  ratioBounds(10_000, 1_000_000);
  // About 10 ms here; an O(n) sum for each step of the search would take seconds.
  expect(performance.now() - start).toBeLessThan(500);
});

test('batch means bound the mean count, with a standard stddev of at least one half', () => {
  // Counts 9 and 11 in turn: mean 10, s² = 10/9, half-width 1.833·√(10/9/10)
  const counts = [9, 11, 9, 11, 9, 11, 9, 11, 9, 11];
  expect(batchMeanBounds(counts).lower).toBeCloseTo(10 - 1.833 / 3, 10);
  expect(batchMeanBounds(new Array(10).fill(4)).upper).toBeCloseTo(4 + 1.833 * Math.sqrt(0.025), 10);
  expect(batchMeanBounds(new Array(10).fill(0)).lower).toBe(0);
});

test('the bounds of a ratio over parts have their level, also if a retry storm affects whole parts', () => {
  // Each part of about 60 requests has its own mean of 1 to 3 attempts per request: the true ratio is 2. Each bound should be correct
  // in 95 % of 2,000 rounds; the t interval of ten parts achieves at least 93 %.
  const random = seededRandom(9);
  const rounds = 2000;
  let [below, above] = [0, 0];
  for (let round = 0; round < rounds; round += 1) {
    const parts = Array.from({ length: 10 }, () => {
      const count = random.integer(50, 70);
      return { count, sum: Math.round(count * (1 + 2 * random.next())) };
    });
    const { lower, upper } = ratioEstimate(parts);
    if (lower <= 2) below += 1;
    if (upper >= 2) above += 1;
  }
  expect(Math.min(below, above) / rounds).toBeGreaterThan(0.93);
  // Treating requests as independent would give bounds four times as tight, and correct far less often.
  const alike = ratioEstimate(Array.from({ length: 10 }, () => ({ sum: 60, count: 60 })));
  expect(alike).toMatchObject({ ratio: 1 });
  expect(alike.upper).toBeCloseTo(1 + (1.833 * Math.sqrt(10 * 0.25)) / 600, 10);
});
