import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import {
  arrivalTimes,
  digestArrivals,
  expectedArrivals,
  hashArrivals,
  type Ramp,
  rampAt,
} from '../../../harness/arrivals/arrivals.ts';
import { seededRandom } from '../../../harness/random.ts';

const RAMP_AND_HOLD: Ramp[] = [
  { name: 'warm-up', fromMs: -2000, toMs: 0, fromPerSecond: 5, toPerSecond: 5 },
  { name: 'ramp', fromMs: 0, toMs: 10_000, fromPerSecond: 5, toPerSecond: 50 },
  { name: 'hold', fromMs: 10_000, toMs: 30_000, fromPerSecond: 50, toPerSecond: 50 },
  { name: 'pause', fromMs: 30_000, toMs: 32_000, fromPerSecond: 0, toPerSecond: 0 },
  { name: 'down', fromMs: 32_000, toMs: 37_000, fromPerSecond: 20, toPerSecond: 0 },
];

const times = (process: 'constant' | 'poisson', seed = 1) => [
  ...arrivalTimes(RAMP_AND_HOLD, process, seededRandom(seed)),
];
const countIn = (list: readonly number[], from: number, to: number) => list.filter(ms => from <= ms && ms < to).length;

/** Integral of the rate over [from, to), as the sum of one trapezoid per ramp. */
function offered(from: number, to: number): number {
  return RAMP_AND_HOLD.reduce((sum, ramp) => {
    const [a, b] = [Math.max(from, ramp.fromMs), Math.min(to, ramp.toMs)];
    if (a >= b) return sum;
    const rate = (ms: number) =>
      ramp.fromPerSecond + ((ramp.toPerSecond - ramp.fromPerSecond) * (ms - ramp.fromMs)) / (ramp.toMs - ramp.fromMs);
    return sum + ((rate(a) + rate(b)) / 2) * ((b - a) / 1000);
  }, 0);
}

test('constant arrivals: every window contains the integral of the rate, within one arrival', () => {
  const list = times('constant');
  const random = seededRandom(5);
  for (let round = 0; round < 500; round += 1) {
    const [from, to] = [random.next() * 39_000 - 2000, random.next() * 39_000 - 2000].sort((a, b) => a - b);
    expect(Math.abs(countIn(list, from!, to!) - offered(from!, to!))).toBeLessThan(1 + 1e-6);
  }
});

test.each(['constant', 'poisson'] as const)(
  '%s arrivals are ascending, within the load, and absent from the pause',
  process => {
    const list = times(process);
    expect(list).toEqual([...list].sort((a, b) => a - b));
    expect(list[0]).toBeGreaterThanOrEqual(-2000);
    expect(list.at(-1)).toBeLessThan(37_000);
    expect(countIn(list, 30_000, 32_000)).toBe(0);
  },
);

test('every arrival lies within its ramp, also where a ramp begins at 0/s', () => {
  const random = seededRandom(9);
  for (let round = 0; round < 500; round += 1) {
    const [at, forMs] = [random.next() * 10, random.next() * 9000 + 1];
    const ramps = [
      { name: 'at', fromMs: 0, toMs: forMs, fromPerSecond: at, toPerSecond: at },
      { name: 'pause', fromMs: forMs, toMs: forMs + 2000, fromPerSecond: 0, toPerSecond: 0 },
      { name: 'ramp', fromMs: forMs + 2000, toMs: forMs + 4000, fromPerSecond: 0, toPerSecond: 20 },
    ];
    const list = [...arrivalTimes(ramps, 'constant', random)];
    expect(list.filter(ms => !(ms >= 0 && ms < forMs + 4000))).toEqual([]);
    expect(list).toEqual([...list].sort((a, b) => a - b));
  }
});

test('Poisson arrivals: mean and variance of the counts over seeds match the rate', () => {
  // 400 seeds. The mean of n Poisson counts has sd √(m/n), their variance about m·√(2/n): 4 of each are allowed.
  const seeds = 400;
  for (const [from, to] of [
    [-2000, 0],
    [0, 10_000],
    [12_000, 14_000],
    [32_000, 37_000],
  ] as const) {
    const counts = Array.from({ length: seeds }, (_, seed) => countIn(times('poisson', seed), from, to));
    const expected = offered(from, to);
    const mean = counts.reduce((a, b) => a + b) / seeds;
    const variance = counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / (seeds - 1);
    expect(Math.abs(mean - expected)).toBeLessThan(4 * Math.sqrt(expected / seeds));
    expect(Math.abs(variance - expected)).toBeLessThan(4 * expected * Math.sqrt(2 / seeds));
  }
});

test('each quarter of a ramp has the number of arrivals of its slope', () => {
  // From 5/s to 50/s in 10 s the n-th quarter offers (5 + 11.25·(n − ½))·2.5 = 26.6, 54.7, 82.8, 110.9 arrivals.
  const list = times('constant');
  const quarters = [0, 2500, 5000, 7500].map(from => countIn(list, from, from + 2500));
  for (const [i, expected] of [26.6, 54.7, 82.8, 110.9].entries())
    expect(Math.abs(quarters[i]! - expected)).toBeLessThanOrEqual(1);
  expect(expectedArrivals(RAMP_AND_HOLD[1]!)).toBe(275);
});

test('the same seed gives the same schedule, another seed a different one', () => {
  expect(hashArrivals(times('poisson', 7))).toBe(hashArrivals(times('poisson', 7)));
  expect(hashArrivals(times('poisson', 7))).not.toBe(hashArrivals(times('poisson', 8)));
  expect(hashArrivals(times('constant', 7))).toBe(hashArrivals(times('constant', 8)));
  expect(hashArrivals([])).toMatch(/^e3b0c442/);
  // A stored plan must reproduce its schedule.
  expect(hashArrivals(times('constant', 7))).toMatch(/^3308d7c53a4e13d9/);
  expect(hashArrivals(times('poisson', 7))).toMatch(/^0d3ec6a13d5e6c63/);
});

test('a schedule is hashed incrementally, whatever its length', () => {
  // Times are hashed in blocks of 4,096: the result must be the same around that length.
  for (const count of [0, 1, 4095, 4096, 4097, 10_000]) {
    const all = Array.from({ length: count }, (_, i) => i * 1.5);
    const expected = createHash('sha256')
      .update(Buffer.from(Float64Array.from(all).buffer))
      .digest('hex');
    expect(digestArrivals(all.values())).toEqual({ count, sha256: expected });
  }
});

test.each([
  [-2001, undefined],
  [-2000, 'warm-up'],
  [0, 'ramp'],
  [5000, 'ramp'],
  [10_000, 'hold'],
  [31_000, 'pause'],
  [34_500, 'down'],
  [37_000, 'down'],
])('at %i ms the ramp is %s', (atMs, name) => {
  expect(rampAt(RAMP_AND_HOLD, atMs)?.name).toBe(name);
});
