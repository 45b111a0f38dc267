import { expect, test } from 'vitest';
import { arrivalTimes, type OpenProcess, type Ramp } from '../../../harness/arrivals/arrivals.ts';
import { standardGamma } from '../../../harness/arrivals/gamma.ts';
import { seededRandom } from '../../../harness/random.ts';

const STEADY: Ramp[] = [{ name: 'a', fromMs: 0, toMs: 100_000, fromPerSecond: 50, toPerSecond: 50 }];
const RAMP: Ramp[] = [
  { name: 'up', fromMs: -2000, toMs: 10_000, fromPerSecond: 0, toPerSecond: 10 },
  { name: 'hold', fromMs: 10_000, toMs: 15_000, fromPerSecond: 10, toPerSecond: 10 },
];

function timesOf(ramps: readonly Ramp[], process: OpenProcess, seed: number): number[] {
  return [...arrivalTimes(ramps, process, seededRandom(seed))];
}

/** Coefficient of variation of the gaps. */
function variationOf(times: readonly number[]): number {
  const gaps = times.slice(1).map((time, i) => time - times[i]!);
  const mean = gaps.reduce((a, b) => a + b, 0) / gaps.length;
  return Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / (gaps.length - 1)) / mean;
}

// 20 seeds with about 5,000 gaps each. The bound is 6 %, which the mean of the sample CVs meets with a margin even at cv 3, where
// gaps vary most. The bound must reject a process of another cv: that of a Poisson process is 1.
test.each([0.2, 0.5, 1, 2, 3])('gaps have the coefficient of variation %f', cv => {
  const all = Array.from({ length: 20 }, (_, seed) => variationOf(timesOf(STEADY, { kind: 'gamma', cv }, seed)));
  const mean = all.reduce((a, b) => a + b, 0) / all.length;
  expect(Math.abs(mean / cv - 1)).toBeLessThan(0.06);
  const poisson = variationOf(timesOf(STEADY, 'poisson', 1));
  expect(Math.abs(poisson / cv - 1) < 0.06).toBe(cv === 1);
});

// The count of a window has a variance of about cv² times its mean, so the mean over 600 seeds is known to √(cv²·m/600).
// Beginning with a whole gap instead of the rest of one would be off by (cv² − 1)/2: at cv 3 by 4 of 60, which is 5 such errors.
test.each([0.3, 3])('the mean count of every window is the integral of the rate, from the start on (cv %f)', cv => {
  const seeds = 600;
  const runs = Array.from({ length: seeds }, (_, seed) => timesOf(RAMP, { kind: 'gamma', cv }, seed));
  const integral = (ms: number) => (10 / 12) * (((ms + 2000) / 1000) ** 2 / 2);
  for (const [from, to, expected] of [
    [-2000, 4000, integral(4000)],
    [4000, 10_000, integral(10_000) - integral(4000)],
    [10_000, 15_000, 50],
  ] as const) {
    const mean = runs.flat().filter(ms => ms >= from && ms < to).length / seeds;
    // Never less than the error of the rounding to whole arrivals.
    const error = Math.max(0.02 * expected, 3.5 * Math.sqrt((cv ** 2 * expected + 1) / seeds));
    expect(Math.abs(mean - expected)).toBeLessThan(error);
  }
});

test('the test detects a process that begins with a whole gap', () => {
  const cv = 3;
  const seeds = 600;
  let count = 0;
  for (let seed = 0; seed < seeds; seed += 1) {
    const random = seededRandom(seed);
    const gap = () => cv ** 2 * standardGamma(1 / cv ** 2, random);
    for (let position = gap(); position < 30; position += gap()) count += 1;
  }
  expect(count / seeds - 30).toBeGreaterThan(3.5 * Math.sqrt((cv ** 2 * 30) / seeds));
});

test('the same seed gives the same schedule, another seed a different one', () => {
  const process = { kind: 'gamma', cv: 2 } as const;
  expect(timesOf(STEADY, process, 7)).toEqual(timesOf(STEADY, process, 7));
  expect(timesOf(STEADY, process, 7)).not.toEqual(timesOf(STEADY, process, 8));
  const ascending = timesOf(STEADY, process, 7);
  expect(ascending).toEqual(ascending.toSorted((a, b) => a - b));
});
