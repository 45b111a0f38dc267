import { describe, expect, it } from 'vitest';
import { EMPTY, type Schedule, type ScheduledFault } from '../../../scenarios/explore/schedule.ts';
import { shrink } from '../../../scenarios/explore/shrink.ts';

const fault = (nth: number, changes: Partial<ScheduledFault> = {}): ScheduledFault => ({
  ...{ id: `latency-${nth}`, kind: 'latency', on: `gateway→inference-${nth}`, atMs: 2345 + 1000 * nth, forMs: 7777 },
  parameters: { latencyMs: 950, stream: 'upstream' },
  ...changes,
});
const LATENCY = { latencyMs: { from: 50, to: 1000 }, stream: ['downstream', 'upstream'] };
const chaos = { kinds: [{ kind: 'latency', weight: 1, targets: [], forMs: undefined, parameters: LATENCY }] };
const schedule: Schedule = {
  ...EMPTY,
  faults: [1, 2, 3, 4, 5, 6].map(nth => fault(nth)),
  stack: { 'gateway.retries': 0, 'gateway.hold': 'off' },
};
const names = ({ faults }: Schedule) => faults.map(({ id }) => id);

/** Shrinks with a predicate, and proves that no schedule is tried twice and that the result still fails. */
async function shrunk(fails: (schedule: Schedule) => boolean, maxTries?: number, from = schedule) {
  const seen: string[] = [];
  const result = await shrink(from, {
    async stillFails(candidate) {
      seen.push(JSON.stringify(candidate));
      return fails(candidate);
    },
    ...{ chaos, loadEndMs: 30_000 },
    ...(maxTries !== undefined && { maxTries }),
  });
  expect(new Set(seen).size).toBe(seen.length);
  expect(result.tries).toBe(seen.length);
  expect(fails(result.schedule)).toBe(true);
  return result;
}

describe('shrinking', () => {
  it('finds the two faults of six that are needed, whichever they are', async () => {
    const pairs = [1, 2, 3, 4, 5, 6].flatMap(one => [1, 2, 3, 4, 5, 6].filter(two => two > one).map(two => [one, two]));
    for (const [one, two] of pairs) {
      const needed = [`latency-${one}`, `latency-${two}`];
      const { schedule, isMinimal } = await shrunk(candidate => needed.every(id => names(candidate).includes(id)));
      expect(names(schedule)).toEqual(needed);
      expect(isMinimal).toBe(true);
    }
  });

  it('keeps an option of the stack only where it is needed', async () => {
    const { schedule } = await shrunk(({ stack }) => stack['gateway.retries'] === 0);
    expect(schedule).toMatchObject({ faults: [], stack: { 'gateway.retries': 0 } });
  });

  it('finds the shortest duration and the weakest parameters on its grid', async () => {
    const fails = ({ faults: [one] }: Schedule) =>
      one !== undefined && (one.forMs ?? 0) >= 2600 && (one.parameters.latencyMs as number) >= 320;
    const { schedule } = await shrunk(fails);
    // 3 s is the first multiple of half a second from 2.6 s on; whole milliseconds for the latency.
    expect(schedule.faults).toEqual([
      { ...schedule.faults[0], forMs: 3000, parameters: { latencyMs: 320, stream: 'downstream' } },
    ]);
  });

  it('takes less load, but keeps a moment after the last fault, and starts faults at whole seconds', async () => {
    const { schedule } = await shrunk(({ faults, load }) => faults.length > 0 && load.rate >= 0.5);
    const [{ atMs, forMs } = fault(1)] = schedule.faults;
    expect(atMs % 1000).toBe(0);
    expect(schedule.load.rate).toBe(0.5);
    expect(schedule.load.endMs).toBeGreaterThanOrEqual(atMs + forMs! + 3000);
    expect(schedule.load.endMs).toBeLessThanOrEqual(atMs + forMs! + 4000);
  });

  it('stops after its tries, and says that there may be a smaller one', async () => {
    const { tries, isMinimal } = await shrunk(({ faults }) => faults.length >= 2, 3);
    expect({ tries, isMinimal }).toEqual({ tries: 3, isMinimal: false });
  });

  it('returns the schedule itself if nothing smaller fails', async () => {
    const whole = JSON.stringify(schedule);
    const { schedule: result } = await shrunk(candidate => JSON.stringify(candidate) === whole);
    expect(result).toEqual(schedule);
  });
});
