import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../harness/random.ts';
import { Ledger } from '../../../scenarios/tune/ledger.ts';
import { race } from '../../../scenarios/tune/race.ts';
import { heldOutFrom, instancesFrom, type Landscape, landscape, optimum, searchIn } from './landscape.ts';

const SEEDS = Array.from({ length: 10 }, (_, index) => index + 1);

describe('a search among 230,000 points of known cost and safety', () => {
  it('comes within 10 % of the optimum in nearly all landscapes, in 400 runs', async () => {
    const ratios: number[] = [];
    for (const seed of SEEDS) {
      const target = landscape(seed, seed % 2 === 0 ? 0.2 : 0.5);
      const { found, runs } = await searchIn(target, 400);
      expect(runs).toBeLessThanOrEqual(400);
      // Safety is the constraint, not a wish.
      expect(target.missing(found.best)).toBeLessThanOrEqual(0);
      ratios.push(target.cost(found.best) / optimum(target));
    }
    ratios.sort((a, b) => a - b);
    expect(ratios[0]).toBeGreaterThanOrEqual(1);
    expect(ratios[8]).toBeLessThan(1.1);
    expect(ratios[9]).toBeLessThan(1.25);
  });

  it("finds what meets the SLOs where the user's own point does not", async () => {
    for (const seed of SEEDS) {
      const target = landscape(seed, 0.9);
      expect(target.missing(target.axes.map(({ own }) => own))).toBeGreaterThan(0);
      const { found } = await searchIn(target, 200);
      expect(target.missing(found.best)).toBeLessThanOrEqual(0);
      expect(found.confirmations.at(-1)).toMatchObject({ outcome: 'pass', point: found.best });
    }
  });

  it('keeps within any budget, and shows nothing that it has not run', async () => {
    for (const budget of [0, 5, 30, 47, 48, 60, 100]) {
      const { found, runs } = await searchIn(landscape(3, 0.2), budget);
      expect(runs).toBeLessThanOrEqual(budget);
      const isOwn = `${found.best}` === `${landscape(3, 0.2).axes.map(({ own }) => own)}`;
      expect(isOwn || found.confirmations.length > 0, `${budget} runs`).toBe(true);
    }
  });

  it('runs the same in the same order for the same seed, and less of it in less time', async () => {
    const [short, long, again] = [
      await searchIn(landscape(2, 0.2), 120),
      await searchIn(landscape(2, 0.2), 200),
      await searchIn(landscape(2, 0.2), 200),
    ];
    expect(again.order).toEqual(long.order);
    const searched = short.found.tried.length;
    expect(searched).toBeGreaterThan(10);
    expect(long.found.tried.slice(0, searched)).toEqual(short.found.tried);
    const other = await searchIn(landscape(2, 0.2), 200, { random: seededRandom(7) });
    expect(other.order).not.toEqual(long.order);
  });

  it('ends by itself once nothing is left to gain, and after its rounds', async () => {
    const whole = await searchIn(landscape(1, 0.2), 100_000);
    expect(whole.found.end).toBe('converged');
    expect(whole.runs).toBeLessThan(1500);
    const few = await searchIn(landscape(1, 0.2), 100_000, { maxRounds: 3 });
    expect(few.found).toMatchObject({ end: 'rounds', rounds: 3 });
  });
});

describe('held-out seeds', () => {
  it('reject a point that the training seeds flatter, and another one is found that passes them', async () => {
    const target = landscape(4, 0.2);
    // Every seed but those of the training needs more safety: what is found on the latter alone cannot pass.
    const strict: Landscape = { ...target, missing: point => target.missing(point) + 0.3 };
    const { found } = await searchIn(target, 2000, { noise: ({ seed }) => (seed < 1000 ? 0 : 0.3) });
    const [first] = found.confirmations;
    expect(first!.outcome).toBe('fail');
    expect(first!.reason).toBe('p99(ttft) failed');
    expect(found.confirmations.at(-1)!.outcome).toBe('pass');
    expect(strict.missing(found.best)).toBeLessThanOrEqual(0);
    expect(target.cost(found.best)).toBeLessThan(target.cost(target.axes.map(({ own }) => own)));
    // A seed is held out once only.
    const seeds = found.confirmations.flatMap(({ instances }) => instances.map(({ seed }) => seed));
    expect(new Set(seeds).size).toBe(6 * found.confirmations.length);
    expect(found.training.some(({ seed }) => seed >= heldOutFrom(0))).toBe(true);
  });

  it('let nothing pass where only the training can be met', async () => {
    const target = landscape(4, 0.2);
    const { found } = await searchIn(target, 2000, { noise: ({ seed }) => (seed < 1000 ? 0 : 100) });
    expect(found.confirmations.length).toBeGreaterThan(0);
    expect(found.confirmations.map(({ outcome }) => outcome)).not.toContain('pass');
  });

  it('are not passed by a point that fails one of them in one load shape only', async () => {
    const target = landscape(4, 0.2);
    const lucky = heldOutFrom(0) + 5;
    const { found } = await searchIn(target, 2000, {
      noise: ({ seed, shape }) => (seed === lucky && shape === 1 ? 100 : 0),
    });
    expect(found.confirmations[0]).toMatchObject({ outcome: 'fail' });
  });
});

it('keeps the best point so far when it is interrupted', async () => {
  const controller = new AbortController();
  const target = landscape(1, 0.2);
  let rounds = 0;
  const { found } = await searchIn(target, 1000, {
    signal: controller.signal,
    noise: () => {
      controller.signal.throwIfAborted();
      return 0;
    },
    onRound: () => {
      rounds += 1;
      if (rounds === 5) controller.abort(new Error('SIGINT'));
    },
  });
  expect(found.end).toBe('interrupted');
  expect(found.rounds).toBe(5);
  expect(target.cost(found.best)).toBeLessThan(target.cost(target.axes.map(({ own }) => own)));
  expect(found.confirmations).toEqual([]);
});

describe('a race', () => {
  const [own, cheap, cheaper, unsafe] = [[0], [1], [2], [3]] as const;
  const instances = instancesFrom(1, 2);
  const costs = [10, 8, 6, 1];
  const run = async ([index]: readonly number[], { seed, shape }: { seed: number; shape: number }) => {
    const met = index !== 3 || seed !== 2 || shape !== 1;
    return { met, violation: met ? 0 : 1, cost: costs[index!]!, reason: met ? '' : 'slow' };
  };
  const raced = async (points: readonly (readonly number[])[]) => {
    const ledger = new Ledger(own, run);
    await ledger.run([own], instances);
    return await race({ ledger, points, best: own, instances, hasTime: () => true });
  };

  it('drops what is dearer or fails as soon as it shows, and the worse half of the rest', async () => {
    expect(await raced([cheap, cheaper])).toEqual([
      { point: cheap, runs: 1, outcome: 'better', costRatio: 0.8, reason: 'another one is better' },
      { point: cheaper, runs: 4, outcome: 'best', costRatio: 0.6, reason: '' },
    ]);
    // The cheapest fails on the last instance: nothing wins.
    expect(await raced([unsafe])).toEqual([
      { point: unsafe, runs: 4, outcome: 'worse', costRatio: 0.1, reason: 'slow' },
    ]);
  });

  it('puts the instance first on which others have failed', async () => {
    const ledger = new Ledger(own, run);
    await ledger.run([own], instances);
    const options = { ledger, best: own, instances, hasTime: () => true };
    await race({ ...options, points: [unsafe] });
    expect(ledger.hardestFirst(own, instances)[0]).toEqual({ shape: 1, seed: 2 });
  });

  it('is not begun without time for it', async () => {
    const ledger = new Ledger(own, run);
    await ledger.run([own], instances);
    expect(await race({ ledger, points: [cheap], best: own, instances, hasTime: () => false })).toBeUndefined();
  });
});
