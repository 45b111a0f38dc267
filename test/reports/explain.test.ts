import { describe, expect, it } from 'vitest';
import { explain, observed } from '../../reports/explain.ts';
import { quantileRanks } from '../../reports/judge/statistics.ts';

const MS = { comparison: '<=', limit: 400, unit: 'ms' } as const;
const window = { fromMs: 4000, toMs: 12_000 };
const figures = { measured: 410, lower: 380, upper: 455, samples: 320 };

describe('the sentence on a verdict', () => {
  it.each([
    ['pass', { lower: 120, upper: 240 }, 'p90(ttft), 120 ms to 240 ms, meets the limit of 400 ms.'],
    ['fail', { lower: 2050, upper: 2180 }, 'p90(ttft), 2.05 s to 2.18 s, misses the limit of 400 ms.'],
    ['fail', { lower: 2050, upper: Number.POSITIVE_INFINITY }, 'p90(ttft), 2.05 s to beyond every value, misses'],
    ['pass', { lower: null, upper: 240 }, 'p90(ttft), up to 240 ms, meets the limit of 400 ms.'],
  ] as const)('says of a %s how interval and limit lie: %j', (verdict, bounds, text) => {
    const said = explain(MS, { ...figures, ...bounds, verdict }, 'p90(ttft)', window);
    expect(said).toContain(`The confidence interval of ${text}`);
  });

  it('gives a value without an interval, beside the limit', () => {
    const subject = 'The largest of 257 values';
    expect(observed(MS, { measured: 412, verdict: 'fail' }, subject)).toBe(
      'The largest of 257 values, 412 ms, misses the limit of 400 ms',
    );
    expect(observed(MS, { measured: Number.POSITIVE_INFINITY, verdict: 'fail' }, subject)).toContain(
      ', beyond every value, misses',
    );
  });

  it('says what would decide: the samples and the window, in proportion', () => {
    const verdict = 'inconclusive';
    // 410 lies 30 ms above its lower bound, which 9 times the samples bring within 10 ms, to the limit; a tenth more is on top.
    expect(explain(MS, { ...figures, verdict }, 'p90(ttft)', window)).toBe(
      'The confidence interval of p90(ttft), 380 ms to 455 ms, includes the limit of 400 ms: undecided. If the value stays, about 3200 samples instead of 320, a window of 80 s instead of 8 s would decide.',
    );
    const ratio = { ...figures, measured: 2, lower: 0.5, upper: 3.5, samples: 300, verdict } as const;
    expect(explain({ comparison: '<=', limit: 3, unit: '%' }, ratio, 'errors (6 of 300 requests)')).toBe(
      'The confidence interval of errors (6 of 300 requests), 0.5% to 3.5%, includes the limit of 3%: undecided. If the value stays, about 750 samples instead of 300 would decide.',
    );
  });

  it('promises nothing where the value is nearly the limit, or a bound is unknown', () => {
    const close = { ...figures, measured: 401, verdict: 'inconclusive' } as const;
    expect(explain(MS, close, 'p90(ttft)', window)).toMatch(/only another limit would decide\.$/);
    const open = { ...figures, measured: 390, upper: null, verdict: 'inconclusive' } as const;
    expect(explain(MS, open, 'p90(ttft)', window)).toMatch(/undecided\.$/);
  });

  it('is right about how many: the interval of a quantile shrinks with the root of the samples', () => {
    const width = (count: number) => {
      const { lower, upper } = quantileRanks(count, 0.9);
      return (upper! - lower!) / count;
    };
    expect(width(320) / width(2880)).toBeGreaterThan(2.7);
    expect(width(320) / width(2880)).toBeLessThan(3.3);
  });
});
