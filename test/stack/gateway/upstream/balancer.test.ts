import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../../harness/random.ts';
import { createBalancer, leastConnections, roundRobin } from '../../../../stack/gateway/upstream/balancer.ts';

const replicas = (...inFlight: number[]) => inFlight.map((running, order) => ({ order, inFlight: running }));

describe('least connections', () => {
  test('picks the one with the fewest running attempts, wherever it stands', () => {
    const random = seededRandom(1);
    const pick = leastConnections(random);
    for (let round = 0; round < 500; round += 1) {
      const candidates = replicas(...Array.from({ length: random.integer(1, 8) }, () => random.integer(0, 5)));
      expect(pick(candidates).inFlight).toBe(Math.min(...candidates.map(c => c.inFlight)));
    }
  });

  test('breaks ties evenly', () => {
    // 3,000 draws over 3: mean 1,000, standard deviation 26; ±150 is more than 5 of them.
    const pick = leastConnections(seededRandom(2));
    const counts = [0, 0, 0];
    for (let i = 0; i < 3000; i += 1) counts[pick(replicas(0, 0, 0)).order]! += 1;
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  test('alone, it is a black hole: an upstream that fails at once gets nearly everything', () => {
    // The sound one holds each request for 10 turns, the failing one for none.
    const pick = leastConnections(seededRandom(3));
    const [failing, sound] = [
      { order: 0, inFlight: 0 },
      { order: 1, inFlight: 0 },
    ];
    const releases: number[] = [];
    let toFailing = 0;
    for (let turn = 0; turn < 1000; turn += 1) {
      while (releases[0] !== undefined && releases[0] <= turn) {
        releases.shift();
        sound.inFlight -= 1;
      }
      if (pick([failing, sound]) === failing) toFailing += 1;
      else {
        sound.inFlight += 1;
        releases.push(turn + 10);
      }
    }
    expect(toFailing / 1000).toBeGreaterThan(0.8);
  });
});

test('round robin gives equal shares, whatever runs where', () => {
  const pick = roundRobin();
  const candidates = replicas(9, 0, 4);
  expect(Array.from({ length: 6 }, () => pick(candidates).order)).toEqual([0, 1, 2, 0, 1, 2]);
});

test('round robin stays fair when retries leave out the one that failed', () => {
  // Each time it is the first one's turn it fails, and the retry goes on without it: the others take turns at that.
  const pick = createBalancer('round-robin', seededRandom(1));
  const candidates = replicas(0, 0, 0);
  const served = [0, 0, 0];
  for (let i = 0; i < 300; i += 1) {
    const first = pick(candidates);
    const answering = first.order === 0 ? pick(candidates.slice(1)) : first;
    served[answering.order]! += 1;
  }
  expect(served).toEqual([0, 150, 150]);
});
