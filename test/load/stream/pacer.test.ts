import { expect, it } from 'vitest';
import { systemClock } from '../../../harness/clock.ts';
import { startPacer } from '../../../load/stream/pacer.ts';
import { quantile } from '../rig.ts';

it('wakes at every instant it is armed with, never early', { timeout: 20_000 }, async () => {
  let due = Promise.withResolvers<void>();
  await using pacer = await startPacer(() => due.resolve());
  for (let i = 0; i < 3000; i += 1) {
    const dueMs = systemClock.nowMs() + (i % 7) * 0.1;
    // An instant that is replaced at once must neither wake nor lose the one that replaces it.
    if (i % 2 === 0) pacer.arm(dueMs + 60_000);
    pacer.arm(dueMs);
    await due.promise;
    expect(systemClock.nowMs()).toBeGreaterThanOrEqual(dueMs);
    due = Promise.withResolvers<void>();
  }
});

it('takes dense instants together, and none early', { timeout: 20_000 }, async () => {
  const gapMs = 0.5;
  const late: number[] = [];
  const done = Promise.withResolvers<void>();
  let wakes = 0;
  let nextMs = systemClock.nowMs() + gapMs;
  await using pacer = await startPacer(() => {
    wakes += 1;
    for (const nowMs = systemClock.nowMs(); nextMs <= nowMs; nextMs += gapMs) late.push(nowMs - nextMs);
    if (late.length < 3000) pacer.arm(nextMs);
    else done.resolve();
  });
  pacer.arm(nextMs);
  await done.promise;
  expect(Math.min(...late)).toBeGreaterThanOrEqual(0);
  expect(wakes).toBeLessThan(0.8 * late.length);
  expect(quantile(late, 0.5)).toBeLessThan(2);
});
