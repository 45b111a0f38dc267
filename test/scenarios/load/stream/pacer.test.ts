import { expect, it } from 'vitest';
import { systemClock } from '../../../../harness/clock.ts';
import { startPacer } from '../../../../scenarios/load/stream/pacer.ts';

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
