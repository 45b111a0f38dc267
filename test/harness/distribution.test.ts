import { expect, test } from 'vitest';
import { type Distribution, draw, drawCount } from '../../harness/distribution.ts';
import { seededRandom } from '../../harness/random.ts';

const N = 20_000;
const draws = (distribution: Distribution) => {
  const random = seededRandom(3);
  return Array.from({ length: N }, () => draw(distribution, random));
};
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[N / 2]!;
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const stddev = (values: readonly number[]) => {
  const m = mean(values);
  return Math.sqrt(mean(values.map(value => (value - m) ** 2)));
};

// The standard error over 20,000 draws is 0.7 % of a standard stddev for the mean, and 0.5 % for the stddev: 3 % is over four of each.
test('a normal distribution has its mean and standard stddev, within its bounds', () => {
  const values = draws({ kind: 'normal', mean: 200, stddev: 40, min: 1, max: 1000 });
  expect(Math.abs(mean(values) - 200)).toBeLessThan(0.03 * 40);
  expect(Math.abs(stddev(values) / 40 - 1)).toBeLessThan(0.03);
  const cut = draws({ kind: 'normal', mean: 200, stddev: 40, min: 190, max: 210 });
  expect([Math.min(...cut), Math.max(...cut)]).toEqual([190, 210]);
});

test('a lognormal distribution has its median and sigma', () => {
  const values = draws({ kind: 'lognormal', median: 300, sigma: 0.8, min: 1, max: 1e6 });
  expect(Math.abs(Math.log(median(values) / 300))).toBeLessThan(0.03);
  expect(Math.abs(stddev(values.map(Math.log)) / 0.8 - 1)).toBeLessThan(0.03);
  // Its mean differs from its median by the factor exp(σ²/2) = 1.38.
  expect(mean(values) / 300).toBeGreaterThan(1.3);
});

test('values of a list are equally likely, a value listed twice twice as likely', () => {
  const values = draws({ kind: 'empirical', values: [10, 20, 20, 40] });
  for (const [value, ratio] of [
    [10, 0.25],
    [20, 0.5],
    [40, 0.25],
  ] as const)
    expect(Math.abs(values.filter(v => v === value).length / N - ratio)).toBeLessThan(4 * Math.sqrt(ratio / N));
});

test('counts are integers, and a uniform count includes both bounds', () => {
  const random = seededRandom(4);
  const counts = Array.from({ length: 500 }, () => drawCount([3, 5], random));
  expect(new Set(counts)).toEqual(new Set([3, 4, 5]));
  expect(drawCount({ kind: 'fixed', value: 7 }, random)).toBe(7);
  const normal = drawCount({ kind: 'normal', mean: 10, stddev: 3, min: 1, max: 99 }, random);
  expect(Number.isInteger(normal)).toBe(true);
});
