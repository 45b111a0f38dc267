import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../../harness/random.ts';
import {
  type EjectionOptions,
  isEjected,
  newOutlierRecord,
  type OutlierRecord,
  recordOutcome,
} from '../../../../stack/gateway/upstream/ejection.ts';

const options: EjectionOptions = {
  consecutiveFailures: 3,
  baseMs: 1000,
  maxMs: 3000,
  maxEjectedRatio: 0.5,
  forgetMs: 10_000,
};

function fleet(size: number, settings = options) {
  const random = seededRandom(size);
  const records = Array.from({ length: size }, newOutlierRecord);
  const feed = (record: OutlierRecord, outcomes: string, nowMs: number) =>
    [...outcomes].map(outcome => recordOutcome(settings, record, records, outcome === 'S', nowMs, random));
  return { records, feed };
}

describe('consecutive failures', () => {
  test.each([
    ['FF', false],
    ['FFF', true],
    ['FFSFF', false],
    ['FFSFFF', true],
    ['SSSS', false],
  ])('%s ejects: %s', (outcomes, ejected) => {
    const { records, feed } = fleet(2);
    feed(records[0]!, outcomes, 0);
    expect(isEjected(records[0]!, 1)).toBe(ejected);
  });
});

test('an ejection lasts longer each time up to the maximum, plus at most 10 % jitter', () => {
  const { records, feed } = fleet(2);
  const record = records[0]!;
  let nowMs = 0;
  feed(record, 'FF', nowMs);
  for (const expectedMs of [1000, 2000, 3000, 3000]) {
    expect(feed(record, 'F', nowMs)).toEqual([true]);
    const durationMs = record.ejectedUntilMs - nowMs;
    expect(durationMs).toBeGreaterThanOrEqual(expectedMs);
    expect(durationMs).toBeLessThanOrEqual(expectedMs * 1.1);
    nowMs = record.ejectedUntilMs;
    expect(isEjected(record, nowMs)).toBe(false);
  }
});

test('an upstream returns on probation: one failure ejects it again, one success ends the probation', () => {
  const { records, feed } = fleet(4);
  const [first, second] = records as [OutlierRecord, OutlierRecord];
  feed(first, 'FFF', 0);
  feed(second, 'FFF', 0);
  expect(feed(first, 'F', 1500)).toEqual([true]);
  expect(feed(second, 'SFF', 1500)).toEqual([false, false, false]);
});

test('earlier ejections are forgotten after time in rotation', () => {
  const { records, feed } = fleet(2);
  const record = records[0]!;
  feed(record, 'FFF', 0);
  feed(record, 'F', 1500);
  expect(record.timesEjected).toBe(2);
  feed(record, 'SFFF', 60_000);
  expect(record.timesEjected).toBe(1);
});

test('outcomes during an ejection are ignored', () => {
  const { records, feed } = fleet(2);
  feed(records[0]!, 'FFF', 0);
  const untilMs = records[0]!.ejectedUntilMs;
  feed(records[0]!, 'FFFFFF', 10);
  expect(records[0]).toMatchObject({ ejectedUntilMs: untilMs, timesEjected: 1 });
});

test.each([
  [1, 0.5, 0],
  [2, 0.5, 1],
  [3, 0.5, 1],
  [3, 0.1, 1],
  [4, 0.5, 2],
  [4, 1, 4],
])('of %i upstreams at ratio %f at most %i are ejected', (size, maxEjectedRatio, out) => {
  const { records, feed } = fleet(size, { ...options, maxEjectedRatio });
  for (const record of records) feed(record, 'FFFFFF', 0);
  expect(records.filter(record => isEjected(record, 1))).toHaveLength(out);
});
