import { expect, test } from 'vitest';
import { seededRandom } from '../../../harness/random.ts';
import type { RequestRecord } from '../../../harness/requests.ts';
import { factsOf } from '../../../reports/judge/fold.ts';
import { judgeSlo } from '../../../reports/judge/slo.ts';
import type { SloResult } from '../../../reports/store/run-document.ts';
import { historyOf, KILL, killed, planOf, type RequestChanges, requestOf } from '../runs.ts';

// The fault is seen at 20 s and healed at 30 s, so at 40 requests a second the baseline has 800 of them and its window 400;
// the four in flight at its onset are the fault's.
const PER_SECOND = 40;
const plan = planOf({ faults: [KILL] });

function judged(objective: string, records: readonly RequestRecord[], events = killed(20_000, 30_000)): SloResult {
  return judgeSlo({ name: 'slo', window: 'whole', objective }, factsOf(plan, historyOf(plan, ...events), records));
}

/** Lognormal latencies around 100 ms; during the fault `factor` times as long, and what `change` makes of them. */
function load(factor: number, seed = 1, change: (scheduledMs: number) => RequestChanges = () => ({})): RequestRecord[] {
  const random = seededRandom(seed).stream('latencies');
  return Array.from({ length: 40 * PER_SECOND }, (_, i) => {
    const scheduledMs = (i * 1000) / PER_SECOND;
    const isDuring = scheduledMs >= 20_000 && scheduledMs < 30_000;
    const latencyMs = 100 * Math.exp(0.5 * random.normal()) * (isDuring ? factor : 1);
    return requestOf(i, scheduledMs, { ttftMs: latencyMs / 2, latencyMs, ...change(scheduledMs) });
  });
}

test.each([
  'slowdown(p50(latency), fault:kill) <= 2',
  'slowdown(p95(ttft), fault:kill) <= 3',
  'slowdown(p99(latency), fault:kill) <= 4',
])('%s passes where nothing is slower, and fails a service that is ten times slower', objective => {
  expect(judged(objective, load(1))).toMatchObject({ verdict: 'pass', window: 'fault:kill', unit: '' });
  expect(judged(objective, load(10))).toMatchObject({ verdict: 'fail' });
});

test('measures the ratio of the two quantiles, within bounds made of the ends of both intervals', () => {
  const { measured, confidence, samples } = judged('slowdown(p50(latency), fault:kill) <= 9', load(2));
  // The interval of each median of lognormal samples is some 10 % wide here, so that of their ratio some 15 % to each side.
  expect(measured).toBeGreaterThan(1.7);
  expect(measured).toBeLessThan(2.3);
  expect(confidence.lower).toBeLessThan(measured!);
  expect(confidence.upper).toBeGreaterThan(measured!);
  expect(confidence.upper! / confidence.lower!).toBeLessThan(1.5);
  expect(samples).toBe(404);
});

test('equal windows fail and pass wrongly in at most 5 %, whatever the quantile', () => {
  // The true ratio is the limit, so that any verdict is wrong on one side. Each bound is a pair of ends of 2.5 % at most, and both
  // ends have to be off in opposite directions or one by far, so that hardly a verdict is wrong.
  const WINDOWS = 100;
  const requests = Array.from({ length: WINDOWS }, (_, seed) =>
    load(1, seed).filter(({ scheduledMs }) => scheduledMs >= 10_000 && scheduledMs < 30_000),
  );
  for (const p of [50, 90, 99]) {
    const verdicts = requests.map(records => judged(`slowdown(p${p}(latency), fault:kill) <= 1`, records).verdict);
    for (const wrong of ['pass', 'fail'])
      expect(verdicts.filter(verdict => verdict === wrong).length / WINDOWS).toBeLessThanOrEqual(0.05);
  }
});

test('few samples are inconclusive, and say how many are needed', () => {
  // A P99 has an upper bound at 97.5 % from ln 0.025 / ln 0.99 = 368 requests on.
  const thin = load(1).filter(({ scheduledMs }) => scheduledMs < 20_000 || scheduledMs >= 25_000);
  const found = judged('slowdown(p99(latency), fault:kill) <= 1000', thin);
  expect(found).toMatchObject({ verdict: 'inconclusive', confidence: { upper: null } });
  expect(found.reason).toContain('require 368 requests; fault:kill has 204 and the baseline 796');
  const newborn = load(1).filter(({ scheduledMs }) => scheduledMs >= 19_000);
  expect(judged('slowdown(p99(latency), fault:kill) <= 1000', newborn).verdict).toBe('pass');
  expect(judged('slowdown(p99(latency), fault:kill) <= 0.001', newborn).reason).toContain('the baseline 36');
});

test.each([
  ['the window', (ms: number) => ms < 20_000],
  ['the baseline', (ms: number) => ms >= 20_000],
])('without a request in %s nothing is told', (_where, isThere) => {
  const records = load(1).filter(({ scheduledMs }) => isThere(scheduledMs));
  expect(judged('slowdown(p50(latency), fault:kill) <= 1000', records).verdict).toBe('inconclusive');
});

test('without a window or without a baseline nothing is told', () => {
  expect(judged('slowdown(p50(latency), fault:kill) <= 9', load(1), killed(null)).verdict).toBe('invalid');
  expect(judged('slowdown(p50(latency), load:nowhere) <= 9', load(1)).verdict).toBe('inconclusive');
});

test('requests that failed are told of, for they have no latency', () => {
  const failing = load(1, 1, ms => (ms >= 20_000 && ms < 25_000 ? { outcome: 'reset' } : {}));
  expect(judged('slowdown(p50(latency), fault:kill) <= 2', failing).reason).toContain(
    '200 of 404 requests (49.5%) failed',
  );
});

test('a window of abandoned requests does not pass', () => {
  const left = load(1, 1, ms => (ms >= 20_000 && ms < 25_000 ? { outcome: 'abandoned' } : {}));
  expect(judged('slowdown(p50(latency), fault:kill) <= 2', left)).toMatchObject({ verdict: 'inconclusive' });
});

test('an allowance passes what is many times slower but still quick, and nothing else', () => {
  // Five times 100 ms at the median is 400 ms more.
  const objective = 'slowdown(p50(latency), fault:kill) <= 2';
  expect(judged(`${objective} or 500 ms`, load(5))).toMatchObject({ verdict: 'pass' });
  expect(judged(`${objective} or 500 ms`, load(5)).reason).toContain('difference is within the permitted 500 ms');
  expect(judged(`${objective} or 250 ms`, load(5))).toMatchObject({ verdict: 'fail' });
  expect(judged(`${objective} or 400 ms`, load(5))).toMatchObject({ verdict: 'inconclusive' });
  expect(judged(objective, load(5))).toMatchObject({ verdict: 'fail' });
  expect(judged(`${objective} or 1 ms`, load(1))).toMatchObject({ verdict: 'pass' });
});
