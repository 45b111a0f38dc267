import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openHistory, readHistory } from '../../harness/history.ts';
import { runFault } from '../../harness/nemesis.ts';
import { VirtualClock } from '../../harness/virtual/virtual-clock.ts';
import { VirtualTime } from '../../harness/virtual/virtual-time.ts';
import { temporaryFolder } from '../e2e/squall.ts';
import { fakeFault } from './fakes.ts';

const PLAN = { id: 'f', kind: 'kill', target: 'inference-1', atMs: 0, forMs: 1000, parameters: {} };

/** Last step of a fault that is gone `afterMs` after it was healed, of which `healDelayMs` were to be expected. */
async function lastStep(afterMs: number, healDelayMs?: number): Promise<string> {
  using folder = temporaryFolder();
  const path = join(folder.path, 'events.ndjson');
  const time = new VirtualTime();
  const clock = new VirtualClock(time);
  {
    using history = openHistory(path, clock);
    const fault = fakeFault([], clock, {
      ...(healDelayMs && { healDelayMs }),
      async verifyHealed(signal) {
        await clock.sleep(afterMs, signal);
        return { atMs: clock.nowMs(), evidence: 'ready' };
      },
    });
    const context = { clock, history, startAtMs: clock.nowMs(), endMs: 600_000 };
    await time.run(runFault(PLAN, fault, context, new AbortController().signal));
  }
  const last = readHistory(path).at(-1)!;
  return last.type === 'fault' ? `${last.step}: ${last.evidence}` : last.type;
}

it.each([
  // 30 s to recover, beyond the time that a cold start takes by itself.
  [29_000, undefined, 'healed: ready'],
  [31_000, undefined, 'not-healed: kill on inference-1 was still in effect after 30 s'],
  [149_000, 120_000, 'healed: ready'],
  [151_000, 120_000, 'not-healed: kill on inference-1 was still in effect after 150 s'],
])('a fault that is gone after %i ms, of which %s are a cold start: %s', async (afterMs, coldStartMs, step) => {
  expect(await lastStep(afterMs, coldStartMs)).toBe(step);
});
