import { describe, expect, it } from 'vitest';
import type { RetryPlan } from '../../../harness/plan.ts';
import type { Outcome, RequestRecord } from '../../../harness/requests.ts';
import { RetryPolicy } from '../../../load/stream/retry.ts';

const PLAN: RetryPlan = {
  maxRetries: 3,
  baseDelayMs: 1000,
  maxDelayMs: 60_000,
  jitter: 'none',
  retryAfter: true,
  budgetRatio: null,
};
const ended = (outcome: Outcome, status = 0, firstTokenMs: number | null = null, index = 0) =>
  ({ index, outcome, status, firstTokenMs }) as RequestRecord;
const policy = (changes: Partial<RetryPlan> = {}) => new RetryPolicy({ ...PLAN, ...changes }, 1);

describe('what is tried again', () => {
  it.each<[Outcome, number, number | null, boolean]>([
    ['connection-refused', 0, null, true],
    ['reset', 0, null, true],
    ['connect-timeout', 0, null, true],
    ['idle-timeout', 0, null, true],
    ['truncated', 200, null, true],
    ['http-status', 503, null, true],
    ['http-status', 500, null, true],
    ['http-status', 429, null, true],
    ['http-status', 408, null, true],
    ['http-status', 400, null, false],
    ['http-status', 401, null, false],
    ['http-status', 404, null, false],
    // The user has read a beginning.
    ['truncated', 200, 12, false],
    ['reset', 200, 12, false],
    ['ok', 200, 12, false],
    ['abandoned', 0, null, false],
    ['interrupted', 0, null, false],
    ['dropped', 0, null, false],
  ])('%s %i with the first token at %j: %s', (outcome, status, firstTokenMs, isTried) => {
    expect(policy().waitMs(ended(outcome, status, firstTokenMs), 1, 0, 0) !== null).toBe(isTried);
  });
});

describe('the wait', () => {
  it('doubles, and ends after the most retries', () => {
    const waits = [1, 2, 3, 4].map(attempt => policy().waitMs(ended('reset'), attempt, 0, 0));
    expect(waits).toEqual([1000, 2000, 4000, null]);
    expect(policy({ baseDelayMs: 0, maxDelayMs: 0, maxRetries: 1 }).waitMs(ended('reset'), 1, 0, 0)).toBe(0);
  });

  it('with full jitter is uniform below its ceiling, and the same for the same request', () => {
    const jittery = policy({ jitter: 'full' });
    const waits = Array.from({ length: 2000 }, (_, index) => jittery.waitMs(ended('reset', 0, null, index), 2, 0, 0)!);
    const mean = waits.reduce((a, b) => a + b) / waits.length;
    // Uniform on [0, 2000): mean 1000 with an error of 577/√2000 = 13.
    expect(Math.abs(mean - 1000)).toBeLessThan(4 * 13);
    expect(Math.max(...waits)).toBeLessThan(2000);
    expect(jittery.waitMs(ended('reset', 0, null, 5), 2, 0, 0)).toBe(waits[5]);
  });

  it('is at least what the server asked for, up to a minute, where clients heed it', () => {
    expect(policy().waitMs(ended('http-status', 429), 1, 7000, 0)).toBe(7000);
    expect(policy().waitMs(ended('http-status', 429), 1, 500, 0)).toBe(1000);
    expect(policy().waitMs(ended('http-status', 429), 1, 3_600_000, 0)).toBe(60_000);
    expect(policy({ retryAfter: false }).waitMs(ended('http-status', 429), 1, 7000, 0)).toBe(1000);
  });
});

describe('the budget', () => {
  /** Retries of 1,000 requests in 10 s that all fail. */
  function retriesOf(budgetRatio: number | null): number {
    const limited = policy({ budgetRatio });
    let retries = 0;
    for (let index = 0; index < 1000; index += 1) {
      limited.began(index * 10);
      if (limited.waitMs(ended('reset'), 1, 0, index * 10) !== null) retries += 1;
    }
    return retries;
  }

  it('allows its partition of the requests, where without one every failure is tried again', () => {
    expect(retriesOf(0.2)).toBeGreaterThan(190);
    expect(retriesOf(0.2)).toBeLessThan(210);
    expect(retriesOf(null)).toBe(1000);
  });

  it('partitions its floor among the processes that share the clients', () => {
    const retriesOfFew = (sharers: number) => {
      const limited = new RetryPolicy({ ...PLAN, budgetRatio: 0.05 }, 1, sharers);
      const waits = [0, 10, 20].map(nowMs => {
        limited.began(nowMs);
        return limited.waitMs(ended('reset'), 1, 0, nowMs);
      });
      return waits.filter(wait => wait !== null).length;
    };
    expect(retriesOfFew(1)).toBe(1);
    expect(retriesOfFew(4)).toBe(0);
  });
});
