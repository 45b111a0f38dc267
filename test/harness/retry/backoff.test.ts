import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../harness/random.ts';
import { backoffMs } from '../../../harness/retry/backoff.ts';

const random = seededRandom(11);

test('delays of 1, 2 and 4 s, then constant at the maximum', () => {
  const profile = { baseDelayMs: 1000, maxDelayMs: 4000, jitter: 'none' } as const;
  expect([1, 2, 3, 4].map(retry => backoffMs(profile, retry, random))).toEqual([1000, 2000, 4000, 4000]);
});

describe.each([
  ['full', 0, 1],
  ['equal', 0.5, 1],
] as const)('%s jitter', (jitter, low, high) => {
  test('stays within its range and uses it', () => {
    const delays = Array.from(
      { length: 1000 },
      () => backoffMs({ baseDelayMs: 100, maxDelayMs: 1000, jitter }, 2, random) / 200,
    );
    // The extremes of 1,000 uniform draws lie within 2 % of the ends but for odds of 1 in 10^8.
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(low);
    expect(Math.min(...delays)).toBeLessThan(low + 0.02);
    expect(Math.max(...delays)).toBeLessThan(high);
    expect(Math.max(...delays)).toBeGreaterThan(high - 0.02);
  });
});
