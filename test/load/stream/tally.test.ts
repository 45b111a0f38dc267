import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import type { Outcome, RequestRecord } from '../../../harness/requests.ts';
import { tally } from '../../../load/stream/tally.ts';

const record = (outcome: Outcome, scheduledMs = 0) => ({ outcome, scheduledMs }) as RequestRecord;

it('counts every outcome once, and what was sent is what ended or is in flight', () => {
  const counts = tally();
  for (const outcome of ['ok', 'reset', 'dropped', 'interrupted', 'http-status'] as const)
    counts.settled(record(outcome), 0);
  counts.settled(record('ok', -5), 0);
  counts.settled(record('truncated', -5), 0);
  expect(counts.progress(0, 3)).toMatchObject({
    sent: 9,
    completed: 2,
    failed: 3,
    dropped: 1,
    inFlight: 3,
    warmUp: { completed: 1, failures: { truncated: 1 } },
  });
});

it('counts those who left as sent, and as neither completed nor failed', () => {
  const counts = tally();
  counts.settled(record('abandoned'), 0);
  counts.settled(record('client-timeout'), 0);
  expect(counts.progress(0, 0)).toMatchObject({ sent: 2, completed: 0, failed: 1, dropped: 0 });
});

it('looks back one second', () => {
  const counts = tally();
  for (let i = 1; i <= 100; i += 1) counts.firstToken(i, 1000);
  counts.settled(record('ok'), 1000);
  expect(counts.progress(1500, 0)).toMatchObject({ recentP99TtftMs: 99, recentPerSecond: 1 });
  expect(counts.progress(2001, 0)).toMatchObject({ recentP99TtftMs: null, recentPerSecond: 0 });
});

it('keeps a load of hours in constant memory, also when nobody looks at its progress', () => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const heapMiB = () => {
    collect();
    return process.memoryUsage().heapUsed / 2 ** 20;
  };
  const counts = tally();
  const before = heapMiB();
  // Two days at 5/s. Each kept entry would take 32 bytes and more: 50 MiB.
  for (let index = 0; index < 864_000; index += 1) {
    counts.firstToken(index % 50, index * 200);
    counts.settled(record('ok'), index * 200 + 100);
  }
  expect(heapMiB() - before).toBeLessThan(10);
  expect(counts.progress(863_999 * 200 + 100, 0)).toMatchObject({ completed: 864_000, recentPerSecond: 5 });
});
