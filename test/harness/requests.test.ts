import { expect, test } from 'vitest';
import {
  gapBucket,
  gapOfBucketMs,
  isFailure,
  latencyMs,
  type Outcome,
  timeToFirstTokenMs,
} from '../../harness/requests.ts';
import { requestOf } from '../reports/runs.ts';

test.each<[Outcome, boolean]>([
  ['ok', false],
  ['dropped', false],
  ['interrupted', false],
  ['connection-refused', true],
  ['reset', true],
  ['connect-timeout', true],
  ['empty', true],
  ['engine-abort', true],
  ['first-token-timeout', true],
  ['idle-timeout', true],
  ['http-status', true],
  ['truncated', true],
  ['malformed', true],
])('%s is a failure: %s', (outcome, failed) => {
  expect(isFailure(requestOf(0, 0, { outcome }))).toBe(failed);
});

test('latencies count from the scheduled arrival, however late the request was sent', () => {
  const late = requestOf(0, 1000, { lateMs: 300, ttftMs: 400, latencyMs: 900 });
  expect(late.sentMs).toBe(1300);
  expect(timeToFirstTokenMs(late)).toBe(400);
  expect(latencyMs(late)).toBe(900);
});

test('a truncated response has a first token but no latency', () => {
  const cut = requestOf(0, 0, { outcome: 'truncated', ttftMs: 80 });
  expect(timeToFirstTokenMs(cut)).toBe(80);
  expect(latencyMs(cut)).toBeNull();
  expect(timeToFirstTokenMs(requestOf(0, 0, { outcome: 'reset' }))).toBeNull();
});

test('a bucket represents any gap from 10 µs to 10 min within 1 %, in order', () => {
  let before = 0;
  for (let gapMs = 0.0101; gapMs < 600_000; gapMs *= 1.0037) {
    const bucket = gapBucket(gapMs);
    expect(Math.abs(gapOfBucketMs(bucket) / gapMs - 1)).toBeLessThan(0.01);
    expect(bucket).toBeGreaterThanOrEqual(before);
    before = bucket;
  }
  expect([0, 0.001, 0.01].map(gapBucket)).toEqual([0, 0, 0]);
  expect(gapOfBucketMs(0)).toBe(0.01);
});
