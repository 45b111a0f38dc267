import { expect, test } from 'vitest';
import { type Random, seededRandom } from '../../harness/random.ts';

const draws = (random: Random, count: number) => Array.from({ length: count }, () => random.next());

test('a seed decides every draw', () => {
  expect(draws(seededRandom(42), 100)).toEqual(draws(seededRandom(42), 100));
  expect(draws(seededRandom(42), 5)).not.toEqual(draws(seededRandom(43), 5));
  expect(draws(seededRandom(-1), 5)).toEqual(draws(seededRandom(2 ** 32 - 1), 5));
});

test('a substream depends only on seed and name, not on previous draws', () => {
  const used = seededRandom(1);
  draws(used, 1000);
  draws(used.stream('prompts'), 10);
  expect(draws(used.stream('arrivals'), 50)).toEqual(draws(seededRandom(1).stream('arrivals'), 50));
  expect(draws(used.stream('arrivals'), 50)).not.toEqual(draws(used.stream('prompts'), 50));
  expect(draws(used.stream('a').stream('b'), 5)).not.toEqual(draws(used.stream('b').stream('a'), 5));
});

test('draws are uniform, also across adjacent seeds, and streams are uncorrelated', () => {
  // χ² with 99 degrees of freedom: mean 99, sd √198 ≈ 14.1; beyond 4 sd is one in ten thousand.
  const chiSquare = (values: readonly number[]) => {
    const cells = new Array<number>(100).fill(0);
    for (const value of values) cells[Math.floor(value * 100)]! += 1;
    const expected = values.length / 100;
    return cells.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  };
  expect(chiSquare(draws(seededRandom(1), 100_000))).toBeLessThan(99 + 4 * 14.1);
  expect(chiSquare(Array.from({ length: 20_000 }, (_, seed) => seededRandom(seed).next()))).toBeLessThan(99 + 4 * 14.1);
  const [a, b] = ['a', 'b'].map(name => draws(seededRandom(1).stream(name), 20_000));
  // The correlation of n independent uniform pairs has sd 1/√n.
  const correlation = a!.reduce((sum, x, i) => sum + (x - 0.5) * (b![i]! - 0.5), 0) / (20_000 / 12);
  expect(Math.abs(correlation)).toBeLessThan(4 / Math.sqrt(20_000));
});

test('distributions have their nominal moments', () => {
  const random = seededRandom(9);
  const count = 50_000;
  const moments = (draw: () => number) => {
    const values = Array.from({ length: count }, draw);
    const mean = values.reduce((x, y) => x + y) / count;
    return {
      mean,
      sd: Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / count),
      min: Math.min(...values),
    };
  };
  // Standard error of either mean is 1/√50,000 ≈ 0.0045 of the sd.
  const exponential = moments(() => random.exponential(20));
  expect(Math.abs(exponential.mean - 20)).toBeLessThan(20 * 0.02);
  expect(Math.abs(exponential.sd - 20)).toBeLessThan(20 * 0.03);
  expect(exponential.min).toBeGreaterThanOrEqual(0);
  const normal = moments(() => random.normal());
  expect(Math.abs(normal.mean)).toBeLessThan(0.02);
  expect(Math.abs(normal.sd - 1)).toBeLessThan(0.02);
});

test('integers include both ends, picks reach every element', () => {
  const random = seededRandom(3);
  const integers = new Set(Array.from({ length: 500 }, () => random.integer(-1, 2)));
  expect([...integers].sort((a, b) => a - b)).toEqual([-1, 0, 1, 2]);
  expect(new Set(Array.from({ length: 500 }, () => random.pick(['x', 'y', 'z']))).size).toBe(3);
});
