import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../../harness/random.ts';
import { leastConnections, roundRobin } from '../../../../stack/gateway/balancing/balancer.ts';

const replicas = (...inFlight: number[]) => inFlight.map((running, order) => ({ order, inFlight: running }));

describe('least connections', () => {
  test('picks the upstream with the fewest attempts in flight, whatever its position', () => {
    const random = seededRandom(1);
    const pick = leastConnections(random);
    for (let round = 0; round < 500; round += 1) {
      const candidates = replicas(...Array.from({ length: random.integer(1, 8) }, () => random.integer(0, 5)));
      expect(pick(candidates).inFlight).toBe(Math.min(...candidates.map(c => c.inFlight)));
    }
  });

  test('breaks ties evenly', () => {
    // 3,000 draws over 3: mean 1,000, standard stddev 26; ±150 is more than 5 of them.
    const pick = leastConnections(seededRandom(2));
    const counts = [0, 0, 0];
    for (let i = 0; i < 3000; i += 1) counts[pick(replicas(0, 0, 0)).order]! += 1;
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  test('without ejection, an upstream that fails at once is a black hole and gets nearly all requests', () => {
    // The healthy upstream takes 10 turns for each request, the failing one none.
    const pick = leastConnections(seededRandom(3));
    const [failing, healthy] = [
      { order: 0, inFlight: 0 },
      { order: 1, inFlight: 0 },
    ];
    const releases: number[] = [];
    let toFailing = 0;
    for (let turn = 0; turn < 1000; turn += 1) {
      while (releases[0] !== undefined && releases[0] <= turn) {
        releases.shift();
        healthy.inFlight -= 1;
      }
      if (pick([failing, healthy]) === failing) toFailing += 1;
      else {
        healthy.inFlight += 1;
        releases.push(turn + 10);
      }
    }
    expect(toFailing / 1000).toBeGreaterThan(0.8);
  });
});

test('round robin distributes evenly, whatever is in flight', () => {
  const pick = roundRobin();
  const candidates = replicas(9, 0, 4);
  expect(Array.from({ length: 6 }, () => pick(candidates).order)).toEqual([0, 1, 2, 0, 1, 2]);
});

test('round robin stays even when retries exclude the upstream that failed', () => {
  // The first upstream fails whenever it is picked, and the retry excludes it: the others serve in turn.
  const pick = roundRobin();
  const candidates = replicas(0, 0, 0);
  const served = [0, 0, 0];
  for (let i = 0; i < 300; i += 1) {
    const first = pick(candidates);
    const serving = first.order === 0 ? pick(candidates.slice(1)) : first;
    served[serving.order]! += 1;
  }
  expect(served).toEqual([0, 150, 150]);
});
