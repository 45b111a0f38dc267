import { describe, expect, it } from 'vitest';
import { DEFAULT_THRESHOLDS, figuresOf, judgeAttack, quantileFor } from '../../../scenarios/attack/verdict.ts';
import type { VictimRecord } from '../../../scenarios/attack/victim.ts';

/** `count` requests of 10 ms but for a share that failed and a share that was slow. */
function phase(count: number, { failed = 0, slow = 0, slowMs = 2000, lateMs = 0 } = {}) {
  const records = Array.from({ length: count }, (_, index): VictimRecord => {
    const isSlow = index >= count - slow * count;
    return {
      scheduledMs: index * 10,
      sentMs: index * 10 + lateMs,
      endMs: index * 10 + (isSlow ? slowMs : 10),
      outcome: index < failed * count ? 'timeout' : 200,
    };
  });
  return figuresOf(records);
}

describe('the verdict of an attack', () => {
  it.each([
    ['nothing changed', phase(500), phase(500), 'defended'],
    ['one of 500 failed', phase(500), phase(500, { failed: 1 / 500 }), 'defended'],
    ['every tenth failed', phase(500), phase(500, { failed: 0.1 }), 'degraded'],
    ['nine of ten failed', phase(500), phase(500, { failed: 0.9 }), 'down'],
    ['all failed, few asked', phase(500), phase(10, { failed: 1 }), 'down'],
    // 5 % of 500 is 25: the interval of 25 failures straddles the threshold.
    ['just at the threshold', phase(500), phase(500, { failed: 0.05 }), 'inconclusive'],
    // With 400 requests P99's lower bound is beyond the slow ones when 5 % are slow.
    ['every twentieth slow', phase(500), phase(500, { slow: 0.05 }), 'degraded'],
    ['slow, but by less than the slack', phase(500), phase(500, { slow: 0.5, slowMs: 200 }), 'defended'],
    ['too few to tell', phase(500), phase(20), 'inconclusive'],
    ['a different quantile each', phase(500), phase(100), 'inconclusive'],
    ['unwell before', phase(500, { failed: 0.2 }), phase(500, { failed: 0.9 }), 'inconclusive'],
    ['the probe itself was late', phase(500), phase(500, { slow: 1, lateMs: 1900 }), 'inconclusive'],
    ['an empty phase', phase(500), phase(0), 'inconclusive'],
  ] as const)('%s: %4$s', (_name, before, during, verdict) => {
    expect(judgeAttack(before, during, DEFAULT_THRESHOLDS).verdict).toBe(verdict);
  });

  it('uses the highest quantile that a phase carries', () => {
    // ln 0.05 / ln q: 299 for P99, 59 for P95, 29 for P90.
    expect([300, 299, 298, 59, 58, 29, 28].map(quantileFor)).toEqual([0.99, 0.99, 0.95, 0.95, 0.9, 0.9, null]);
  });
});
