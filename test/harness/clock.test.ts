import { expect, test } from 'vitest';
import { settlesWithin, systemClock } from '../../harness/clock.ts';
import { FakeClock } from '../fake-clock.ts';

test('sleepers wake in order of their due times, each at its own instant', async () => {
  const clock = new FakeClock(1000);
  const woken: [string, number][] = [];
  const sleeper = async (name: string, ms: number) => {
    await clock.sleep(ms);
    woken.push([name, clock.nowMs()]);
  };
  const all = [sleeper('late', 300), sleeper('soon', 100), sleeper('now', -5)];
  await clock.advance(250);
  expect(woken).toEqual([
    ['now', 1000],
    ['soon', 1100],
  ]);
  expect(clock.nowMs()).toBe(1250);
  await clock.advance(50);
  await Promise.all(all);
  expect(woken.at(-1)).toEqual(['late', 1300]);
});

test('a sleeper that sleeps again wakes within the same advance', async () => {
  const clock = new FakeClock();
  const ticks: number[] = [];
  const ticking = (async () => {
    for (let i = 0; i < 5; i += 1) {
      await clock.sleep(10);
      ticks.push(clock.nowMs());
    }
  })();
  await clock.advance(100);
  await ticking;
  expect(ticks).toEqual([10, 20, 30, 40, 50]);
});

test.each([
  ['fake', new FakeClock()],
  ['system', systemClock],
])('the %s clock rejects a sleep with the reason of its signal', async (_, clock) => {
  const abort = new AbortController();
  const reason = new Error('enough');
  const slept = clock.sleep(60_000, abort.signal);
  abort.abort(reason);
  await expect(slept).rejects.toBe(reason);
  await expect(clock.sleep(1, abort.signal)).rejects.toBe(reason);
});

test('the system clock sleeps at least as long as requested', async () => {
  // Node.js timers may fire up to 1 ms early by the monotonic clock.
  const start = systemClock.nowMs();
  await systemClock.sleep(20);
  expect(systemClock.nowMs() - start).toBeGreaterThanOrEqual(19);
});

test.each([2 ** 31, Number.POSITIVE_INFINITY])('the system clock calls after %d ms, not at once', async durationMs => {
  let calls = 0;
  const cancel = systemClock.after(durationMs, () => {
    calls += 1;
  });
  await systemClock.sleep(30);
  cancel();
  expect(calls).toBe(0);
});

test('the system clock sleeps longer than a timer can', async () => {
  // A timer of 2³¹ ms fires after 1 ms.
  const abort = new AbortController();
  const slept = systemClock.sleep(2 ** 31, abort.signal).then(
    () => 'woke',
    () => 'aborted',
  );
  await systemClock.sleep(20);
  abort.abort();
  expect(await slept).toBe('aborted');
});

test('settlesWithin reports whether a promise settled in time, resolved or rejected', async () => {
  const clock = new FakeClock();
  const after = (ms: number, outcome: () => void) => settlesWithin(clock.sleep(ms).then(outcome), 100, clock);
  const fail = () => {
    throw new Error('it failed');
  };
  const seen = Promise.all([after(99, () => {}), after(99, fail), after(101, () => {}), after(101, fail)]);
  await clock.advance(200);
  expect(await seen).toEqual([true, true, false, false]);
});
