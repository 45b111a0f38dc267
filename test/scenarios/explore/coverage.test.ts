import { expect, it } from 'vitest';
import { CoverageCount } from '../../../scenarios/explore/coverage.ts';
import { scheduleAt } from '../../../scenarios/explore/generate.ts';
import { EMPTY } from '../../../scenarios/explore/schedule.ts';
import { chaosOf } from './fixture.ts';

const KILLS = [{ kind: 'kill', on: ['inference-1', 'inference-2'], for: '1s' }];
const kill = (nth: number, on: string, atMs: number) => ({
  ...{ id: `kill-${nth}`, kind: 'kill', on, atMs, forMs: 1000, parameters: {} },
});
const atOnce = { ...EMPTY, faults: [kill(1, 'inference-1', 5000), kill(2, 'inference-2', 5500)] };
const inTurn = { ...EMPTY, faults: [kill(1, 'inference-2', 5000), kill(2, 'inference-1', 20_000)] };

it('counts each pair of faults once for overlapping, and once for following each other', async () => {
  const { plan } = await chaosOf({ faults: KILLS });
  const count = new CoverageCount(plan);
  for (const schedule of [EMPTY, atOnce, atOnce, inTurn]) count.add(schedule);
  // 1+1, 1+2 and 2+2 in turn; 1+2 at once, since a replica cannot be killed twice at once.
  const overTime = [
    [1, 0],
    [2, 1],
    [3, 1],
    [4, 2],
  ];
  expect(count.result()).toEqual({ covered: 2, possible: 4, overTime, newInLastQuarter: 1 });
});

it('finds no pair possible where one fault is all that a schedule has', async () => {
  const { plan } = await chaosOf({ faults: KILLS, budget: 1 });
  expect(new CoverageCount(plan).result()).toMatchObject({ covered: 0, possible: 0 });
});

it('approaches what is possible, and never exceeds it', async () => {
  const { plan } = await chaosOf();
  const count = new CoverageCount(plan);
  for (let index = 0; index < 3000; index += 1) count.add(scheduleAt(plan, 1, index));
  const { covered, possible, overTime, newInLastQuarter } = count.result();
  expect(covered).toBeLessThanOrEqual(possible);
  expect(covered).toBeGreaterThan(0.8 * possible);
  expect(overTime).toHaveLength(100);
  expect(overTime).toEqual(overTime.toSorted(([, a], [, b]) => a - b));
  expect(overTime.at(-1)).toEqual([3000, covered]);
  expect(newInLastQuarter).toBeLessThan(0.1 * possible);
});
