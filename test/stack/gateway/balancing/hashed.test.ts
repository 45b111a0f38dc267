import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../../harness/random.ts';
import { hashText } from '../../../../stack/block-hash.ts';
import { leastConnections } from '../../../../stack/gateway/balancing/balancer.ts';
import { hashed, rendezvous } from '../../../../stack/gateway/balancing/hashed.ts';
import { chat, counted, type Replica, replicas } from './candidates.ts';

const KEYS = Array.from({ length: 6000 }, (_, key) => hashText(`session-${key}`));
const UNBOUNDED = Number.POSITIVE_INFINITY;
const home = (candidates: readonly Replica[], key: number) => rendezvous(candidates, key, UNBOUNDED).picked.name;
const all = (count: number) => replicas(...Array<number>(count).fill(0));

describe('keys', () => {
  test.each([2, 3, 7, 20])('spread evenly over %i upstreams', count => {
    // Binomial: stddev √(6000 · 1/n · (1 − 1/n)); five of them.
    const counts = counted(KEYS.map(key => home(all(count), key)));
    const expected = KEYS.length / count;
    const tolerance = 5 * Math.sqrt(expected * (1 - 1 / count));
    expect(counts.size).toBe(count);
    for (const found of counts.values()) expect(Math.abs(found - expected)).toBeLessThan(tolerance);
  });

  test.each([2, 3, 7, 20])(
    'of one of %i upstreams that leaves are all that move, and spread over the others',
    count => {
      const before = all(count);
      const after = before.filter((_, index) => index !== 1);
      const moved = KEYS.filter(key => home(before, key) !== home(after, key));
      expect(moved.every(key => home(before, key) === 'a2')).toBe(true);
      expect(moved.length / KEYS.length).toBeLessThan(1 / count + 0.03);
      const heirs = counted(moved.map(key => home(after, key)));
      expect(heirs.size).toBe(count - 1);
      for (const found of heirs.values()) expect(found / moved.length).toBeLessThan(1 / (count - 1) + 0.13);
    },
  );

  test('the same check catches a remainder, which moves nearly all', () => {
    const byRemainder = (candidates: readonly Replica[], key: number) => candidates[key % candidates.length]!.name;
    const moved = KEYS.filter(key => byRemainder(all(7), key) !== byRemainder(all(7).slice(0, 6), key));
    expect(moved.length / KEYS.length).toBeGreaterThan(0.8);
  });

  test('do not depend on the order in which a gateway knows the upstreams', () => {
    expect(KEYS.every(key => home(all(9), key) === home(all(9).toReversed(), key))).toBe(true);
  });
});

/** Requests of few keys that come and go; the largest load beyond the bound, and how many had their first choice. */
function flood(maxLoad: number, minLoad: number, seed: number) {
  const random = seededRandom(seed);
  const reasons: string[] = [];
  const pick = hashed({
    maxLoad,
    minLoad,
    keyOf: ({ request }) => hashText(String(request.headers.session)),
    fallback: leastConnections(random),
    onPick: reason => reasons.push(reason),
  });
  const candidates = all(random.integer(2, 12));
  const running: Replica[] = [];
  let excess = 0;
  for (let step = 0; step < 3000; step += 1) {
    if (random.next() < 0.45 && running.length > 0) {
      const [ended] = running.splice(random.integer(0, running.length - 1), 1);
      ended!.inFlight -= 1;
      continue;
    }
    // One key has half of the traffic.
    const session = random.next() < 0.5 ? 'hot' : `s${random.integer(1, 50)}`;
    const picked = pick(candidates, chat({}, { session }), step);
    picked.inFlight += 1;
    running.push(picked);
    const limit = Math.max(minLoad, Math.ceil((maxLoad * running.length) / candidates.length));
    excess = Math.max(excess, picked.inFlight - limit);
  }
  return { excess, preferred: reasons.filter(reason => reason === 'preferred').length / reasons.length };
}

const seeds = Array.from({ length: 40 }, (_, seed) => seed);

test.each([1, 1.25, 2])('no upstream is ever given more than %d times the average, whatever the keys', maxLoad => {
  expect(Math.max(...seeds.map(seed => flood(maxLoad, 1, seed).excess))).toBeLessThanOrEqual(0);
});

test('the same check catches hashing without a bound', () => {
  const unbounded = seeds.map(seed => {
    const random = seededRandom(seed);
    const candidates = all(random.integer(3, 12));
    for (let step = 0; step < 200; step += 1)
      rendezvous(candidates, hashText(random.next() < 0.5 ? 'hot' : `s${step}`), UNBOUNDED).picked.inFlight += 1;
    return Math.max(...candidates.map(one => one.inFlight)) - Math.ceil((1.25 * 200) / candidates.length);
  });
  expect(Math.max(...unbounded)).toBeGreaterThan(50);
});

test('a larger bound keeps more requests where they belong', () => {
  const preferred = (maxLoad: number) => seeds.reduce((sum, seed) => sum + flood(maxLoad, 1, seed).preferred, 0);
  expect(preferred(2)).toBeGreaterThan(preferred(1.25));
  expect(preferred(1.25)).toBeGreaterThan(preferred(1));
});

test('a few requests are not balanced', () => {
  const pick = hashed({
    ...{ maxLoad: 1.25, minLoad: 8, keyOf: () => 7 },
    ...{ fallback: leastConnections(seededRandom(1)), onPick: () => {} },
  });
  const candidates = all(3);
  const names = Array.from({ length: 9 }, () => {
    const picked = pick(candidates, chat(), 0);
    picked.inFlight += 1;
    return picked.name;
  });
  expect(new Set(names.slice(0, 8)).size).toBe(1);
  expect(names[8]).not.toBe(names[0]);
});

test('requests without a key are balanced by connections, and counted', () => {
  const reasons: string[] = [];
  const pick = hashed({
    ...{ maxLoad: 1.25, minLoad: 8, keyOf: () => undefined },
    ...{ fallback: leastConnections(seededRandom(1)), onPick: (reason: string) => reasons.push(reason) },
  });
  expect(pick(replicas(3, 1, 2), chat(), 0).name).toBe('a2');
  expect(reasons).toEqual(['no-key']);
});
