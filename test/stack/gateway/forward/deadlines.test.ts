import { expect, test } from 'vitest';
import { DEADLINE_RESOLUTION_MS, Deadlines } from '../../../../stack/gateway/forward/deadlines.ts';
import { FakeClock } from '../../../fake-clock.ts';

test('expires each deadline once, at most one tick late', async () => {
  const clock = new FakeClock();
  const deadlines = new Deadlines(clock);
  const expired: [number, number][] = [];
  for (const dueMs of [5, 50, 51, 500]) deadlines.add({ dueMs, expire: () => expired.push([dueMs, clock.nowMs()]) });
  await clock.advance(1000);
  expect(expired.map(([dueMs]) => dueMs)).toEqual([5, 50, 51, 500]);
  for (const [dueMs, atMs] of expired) {
    expect(atMs - dueMs).toBeGreaterThanOrEqual(0);
    expect(atMs - dueMs).toBeLessThan(DEADLINE_RESOLUTION_MS);
  }
});

test('a deadline can be moved or removed, and the timer restarts after a pause', async () => {
  const clock = new FakeClock();
  const deadlines = new Deadlines(clock);
  const expired: string[] = [];
  const moved = { dueMs: 100, expire: () => expired.push(`moved ${clock.nowMs()}`) };
  const removed = { dueMs: 100, expire: () => expired.push('removed') };
  deadlines.add(moved);
  deadlines.add(removed);
  moved.dueMs = 300;
  deadlines.remove(removed);
  await clock.advance(1000);
  expect(expired).toEqual(['moved 300']);
  deadlines.add({ dueMs: 1100, expire: () => expired.push('later') });
  await clock.advance(200);
  expect(expired).toEqual(['moved 300', 'later']);
});
