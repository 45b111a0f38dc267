import { expect, test } from 'vitest';
import { seededRandom } from '../../../../harness/random.ts';
import { weighted } from '../../../../stack/gateway/balancing/weighted.ts';
import { counted, replicas } from './candidates.ts';

const seeds = Array.from({ length: 200 }, (_, seed) => seed);

/** Weights and a long series of picks. */
function series(seed: number, picker = weighted) {
  const random = seededRandom(seed);
  const candidates = replicas(...Array.from({ length: random.integer(1, 8) }, () => 0));
  const weights = Object.fromEntries(candidates.map(({ name }) => [name, random.integer(1, 9)]));
  const total = Object.values(weights).reduce((sum, weight) => sum + weight, 0);
  const pick = picker(weights);
  const picks = Array.from({ length: 5 * total }, () => pick(candidates).name);
  return { weights, total, picks };
}

/** Windows, anywhere in the series, in which somebody did not get exactly its part. */
function unfairWindows({ weights, total, picks }: ReturnType<typeof series>): number {
  let unfair = 0;
  for (let start = 0; start + total <= picks.length; start += 1) {
    const counts = counted(picks.slice(start, start + total));
    if (Object.entries(weights).some(([name, weight]) => counts.get(name) !== weight)) unfair += 1;
  }
  return unfair;
}

test('in every window as long as the sum of the weights, wherever it begins, each serves as often as its weight says', () => {
  expect(seeds.reduce((sum, seed) => sum + unfairWindows(series(seed)), 0)).toBe(0);
});

test('the same check catches a balancer that draws by weight', () => {
  const random = seededRandom(1);
  const drawing: typeof weighted = weights => candidates => {
    const tickets = candidates.flatMap(one => Array<typeof one>(weights[one.name]!).fill(one));
    return random.pick(tickets);
  };
  expect(seeds.reduce((sum, seed) => sum + unfairWindows(series(seed, drawing)), 0)).toBeGreaterThan(1000);
});

test('nobody gets a burst: in windows of any length, each is within one pick of its part from the start', () => {
  // Credit after a pick is more than its weight minus the total, and all credits sum to zero: at most one pick early.
  for (const seed of seeds) {
    const { weights, total, picks } = series(seed);
    const counts = new Map<string, number>();
    for (const [index, name] of picks.entries()) {
      counts.set(name, (counts.get(name) ?? 0) + 1);
      expect(counts.get(name)! - ((index + 1) * weights[name]!) / total).toBeLessThan(1);
    }
  }
});

test('interleaves as nginx does', () => {
  const pick = weighted({ a1: 5 });
  const candidates = replicas(0, 0, 0);
  expect(Array.from({ length: 7 }, () => pick(candidates).name).join(' ')).toBe('a1 a1 a2 a1 a3 a1 a1');
});

test('an upstream that was away for long does not catch up on its return', () => {
  const pick = weighted({ a1: 2, a2: 1, a3: 1 });
  const candidates = replicas(0, 0, 0);
  for (let index = 0; index < 1003; index += 1) pick(candidates.slice(1));
  const counts = counted(Array.from({ length: 40 }, () => pick(candidates).name));
  expect([...counts].sort()).toEqual([
    ['a1', 20],
    ['a2', 10],
    ['a3', 10],
  ]);
});
