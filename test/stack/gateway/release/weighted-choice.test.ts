import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../../harness/random.ts';
import { drawVersion, versionFor } from '../../../../stack/gateway/release/weighted-choice.ts';

const KEYS = Array.from({ length: 3000 }, (_, nth) => `key-${nth}`);

const weightsOf = (weights: Readonly<Record<string, number>>) => new Map(Object.entries(weights));
const assigned = (weights: Readonly<Record<string, number>>, salt = 'model') =>
  new Map(KEYS.map(key => [key, versionFor(key, salt, weightsOf(weights))]));
const shareOf = (versions: Iterable<string>, version: string) => {
  const all = [...versions];
  return all.filter(other => other === version).length / all.length;
};
/** Five standard deviations of a ratio over so many draws. */
const margin = (share: number) => 5 * Math.sqrt((share * (1 - share)) / KEYS.length);

/** Random weights of up to five versions. */
const cases = Array.from({ length: 10 }, (_, seed) => {
  const random = seededRandom(seed);
  const names = ['v1', 'v2', 'v3', 'v4', 'v5'].slice(0, random.integer(2, 5));
  const weights = Object.fromEntries(names.map(name => [name, random.integer(0, 20)]));
  weights[names[0]!] = Math.max(1, weights[names[0]!]!);
  return { seed, weights, changed: names[random.integer(0, names.length - 1)]!, to: random.integer(0, 40) };
});

describe('the version for a key', () => {
  test.each(cases)('has its part of the keys: $weights', ({ weights }) => {
    const versions = [...assigned(weights).values()];
    const total = Object.values(weights).reduce((sum, weight) => sum + weight, 0);
    for (const [name, weight] of Object.entries(weights)) {
      const share = weight / total;
      expect(Math.abs(shareOf(versions, name) - share), name).toBeLessThanOrEqual(margin(share));
      if (weight === 0) expect(shareOf(versions, name)).toBe(0);
    }
  });

  test.each(cases)(
    'moves only to what grows or from what shrinks: $weights, $changed to $to',
    ({ weights, changed, to }) => {
      const before = assigned(weights);
      const after = assigned({ ...weights, [changed]: to });
      const total = (all: Readonly<Record<string, number>>) =>
        Object.values(all).reduce((sum, weight) => sum + weight, 0);
      const next = { ...weights, [changed]: to };
      if (total(next) === 0) return;
      const moved = KEYS.filter(key => before.get(key) !== after.get(key));
      const isGrowth = to > weights[changed]!;
      for (const key of moved) expect(isGrowth ? after.get(key) : before.get(key)).toBe(changed);
      // And as many as the proportions require.
      const needed = Math.abs(to / total(next) - weights[changed]! / total(weights));
      expect(Math.abs(moved.length / KEYS.length - needed)).toBeLessThanOrEqual(margin(needed) + 0.002);
    },
  );

  test('stays when all weights are multiplied, and does not depend on their order', () => {
    const before = assigned({ v1: 90, v2: 10 });
    expect(assigned({ v2: 1, v1: 9 })).toEqual(before);
  });

  test('of one model says nothing about another', () => {
    const [one, other] = [assigned({ v1: 1, v2: 1 }, 'a'), assigned({ v1: 1, v2: 1 }, 'b')];
    const same = KEYS.filter(key => one.get(key) === other.get(key)).length / KEYS.length;
    expect(Math.abs(same - 0.5)).toBeLessThanOrEqual(margin(0.5));
  });
});

test('a version at random has its part of the draws, and one without weight none', () => {
  const random = seededRandom(3);
  const weights = weightsOf({ v0: 0, v1: 19, v2: 1, v3: 0 });
  const drawn = KEYS.map(() => drawVersion(random.next(), weights));
  expect(Math.abs(shareOf(drawn, 'v2') - 0.05)).toBeLessThanOrEqual(margin(0.05));
  expect(new Set(drawn)).toEqual(new Set(['v1', 'v2']));
  expect([drawVersion(0, weights), drawVersion(1 - 1e-16, weights)]).toEqual(['v1', 'v2']);
});
