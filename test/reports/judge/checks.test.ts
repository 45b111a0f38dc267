import { expect, test } from 'vitest';
import type { TimedEvent } from '../../../harness/history.ts';
import type { RunPlan } from '../../../harness/plan.ts';
import type { RequestRecord } from '../../../harness/requests.ts';
import type { Check } from '../../../reports/judge/check.ts';
import { check as noop } from '../../../reports/judge/checks/noop.ts';
import { factsOf } from '../../../reports/judge/fold.ts';
import { CHECKS } from '../../../reports/judge/objective.ts';
import { judgeSlo } from '../../../reports/judge/slo.ts';
import type { SloResult } from '../../../reports/store/run-document.ts';
import { historyOf, KILL, killed, planOf, requestOf, steadyLoad } from '../runs.ts';

interface Case {
  readonly window?: string;
  readonly records?: readonly RequestRecord[];
  readonly plan?: Partial<RunPlan>;
  readonly events?: readonly TimedEvent[];
}

/** All checks, with that of errors judging otherwise. */
const withJudge = (judge: Check['judge']) =>
  CHECKS.map(check => (check.kind === 'ratio' ? { ...check, judge } : check));

function judged(
  objective: string,
  { window = 'whole', records = steadyLoad(), plan, events = [] }: Case = {},
): SloResult {
  const whole = planOf(plan);
  return judgeSlo({ name: 'slo', window, objective }, factsOf(whole, historyOf(whole, ...events), records));
}

// Against a healthy target (600 requests, 100 ms to the first token, 10/s) each objective passes; against one broken in just
// the way that it watches over, it fails.
const slow = steadyLoad(() => ({ ttftMs: 900, latencyMs: 3000, gapsMs: [60, 70] }));
const failing = steadyLoad((_, i) => (i % 10 === 0 ? { outcome: 'http-status', status: 503 } : {}));
const truncating = steadyLoad((_, i) => (i % 10 === 0 ? { outcome: 'truncated', ttftMs: 100 } : {}));
const dropping = steadyLoad((_, i) => (i % 10 === 0 ? { outcome: 'dropped' } : {}));
const abandoning = steadyLoad((_, i) => (i % 10 === 0 ? { outcome: 'abandoned' } : {}));
// A storm: from 20 s to 40 s every request is tried four times.
const storming = steadyLoad(ms => ({ attempts: ms >= 20_000 && ms < 40_000 ? 4 : 1 }));
test.each([
  ['p99(ttft) <= 800 ms', slow],
  ['p95(itl) <= 50 ms', slow],
  ['p95(latency) < 1 s', slow],
  ['max(ttft) < 500 ms', slow],
  ['errors <= 3%', failing],
  ['errors(http-503) <= 3%', failing],
  ['errors(http-status) <= 3%', failing],
  ['errors(truncated) <= 3%', truncating],
  ['availability >= 95%', failing],
  ['dropped <= 1%', dropping],
  ['throughput >= 9.6/s', failing],
  ['abandoned <= 3%', abandoning],
  ['attempts <= 1.1', storming],
  ['goodput(1 s) >= 95%', failing],
  ['goodput(1 s) >= 95%', slow],
  ['goodput(1 s) >= 95%', abandoning],
  ['goodput(1 s) >= 95%', dropping],
  ['goodput(ttft 200 ms) >= 95%', slow],
  ['goodput(ttft 200 ms, latency 1 s) >= 9.6/s', slow],
  ['goodput(1 s) >= 9.6/s', failing],
])('%s passes on a healthy target and fails on the broken one', (objective, broken) => {
  expect(judged(objective)).toMatchObject({ verdict: 'pass' });
  expect(judged(objective, { records: broken })).toMatchObject({ verdict: 'fail' });
});

test.each([
  'empty',
  'engine-abort',
  'connection-refused',
  'reset',
  'connect-timeout',
  'first-token-timeout',
  'idle-timeout',
  'truncated',
  'malformed',
  'client-timeout',
] as const)('errors(%s) fails on requests that ended so', outcome => {
  const records = steadyLoad(() => ({ outcome }));
  expect(judged(`errors(${outcome}) <= 1%`, { records })).toMatchObject({ verdict: 'fail', measured: 100 });
});

test.each([
  ['first-token-timeout', 'load.firstTokenTimeout'],
  ['idle-timeout', 'load.idleTimeout'],
  ['connect-timeout', 'load.connectTimeout'],
  ['client-timeout', 'load.clients.clientTimeout'],
] as const)('failures by %s name the field that moves its limit', (outcome, field) => {
  const records = steadyLoad((_, i) => (i % 10 === 0 ? { outcome } : {}));
  const named = `60 of them failed by ${outcome}, whose limit is \`${field}\`.`;
  for (const objective of ['errors <= 1%', `errors(${outcome}) <= 1%`, 'availability >= 99%', 'p99(ttft) <= 1 s'])
    expect(judged(objective, { records }).reason).toContain(named);
  expect(judged('goodput(1 s) >= 95%', { records }).reason).toContain(named);
  expect(judged('errors(reset) <= 0.5%', { records: failing }).reason).not.toContain('limit is');
});

test('errors of another kind do not count for errors(kind)', () => {
  expect(judged('errors(reset) <= 1%', { records: failing })).toMatchObject({ verdict: 'pass', measured: 0 });
});

test('errors and availability are out of what was sent and ended by itself, dropped is out of all', () => {
  // Of every ten requests one is dropped, one is cut off, two fail: errors are 2 of 8, dropped 1 of 10.
  const kinds = ['dropped', 'interrupted', 'reset', 'truncated'] as const;
  const records = steadyLoad((_, i) => (i % 10 < 4 ? { outcome: kinds[i % 10]! } : {}));
  expect(judged('errors <= 1%', { records })).toMatchObject({ measured: 25, samples: 480, unit: '%' });
  expect(judged('errors(reset) <= 1%', { records })).toMatchObject({ measured: 12.5, samples: 480 });
  expect(judged('availability >= 99%', { records })).toMatchObject({ measured: 75, samples: 480 });
  expect(judged('dropped <= 1%', { records })).toMatchObject({ measured: 10, samples: 600 });
});

test('a quantile says how many samples it would need, and how many requests are not in it', () => {
  const records = steadyLoad((ms, i) =>
    ms >= 20_000 ? { outcome: 'dropped' } : i % 40 === 0 ? { outcome: 'reset' } : {},
  );
  const found = judged('p99(ttft) <= 800 ms', { records: records.slice(0, 220) });
  expect(found.verdict).toBe('inconclusive');
  expect(found.confidence.upper).toBeNull();
  expect(found.reason).toContain('fewer than 299 requests; the window has 200');
  expect(found.reason).toContain('5 of 200 requests (2.5%) failed or were dropped without a first token');
});

test('with too few samples to pass, a clear miss still fails', () => {
  expect(judged('p99(ttft) <= 800 ms', { records: slow.slice(0, 120) })).toMatchObject({ verdict: 'fail' });
});

test.each([
  ['p50(ttft) <= 1 h'],
  ['max(latency) <= 1 h'],
  ['errors <= 100%'],
  ['availability >= 0%'],
  ['dropped <= 100%'],
  ['throughput >= 0/s'],
  ['abandoned <= 100%'],
  ['attempts <= 100'],
  ['goodput(1 h) >= 0%'],
  ['goodput(1 h) >= 0/s'],
])('%s does not pass on an empty window', objective => {
  expect(judged(objective, { records: [] })).toMatchObject({ verdict: 'inconclusive', measured: null, samples: 0 });
});

test('nothing but dropped ones passes only what asks for them', () => {
  const records = steadyLoad(() => ({ outcome: 'dropped' }));
  for (const objective of ['p50(ttft | completed) <= 1 h', 'errors <= 100%', 'throughput >= 0/s'])
    expect(judged(objective, { records }).verdict).toBe('inconclusive');
  for (const objective of ['p50(ttft) <= 1 h', 'max(ttft) <= 1 h'])
    expect(judged(objective, { records })).toMatchObject({ verdict: 'fail', measured: null });
});

test.each(['dropped', 'interrupted'] as const)(
  'a pass over a window with 2 %% %s requests is not believed',
  outcome => {
    // The limit is 1 %: 12 of 600 are over it, 6 of 600 are at it.
    const some = (every: number) => steadyLoad((ms, i) => (ms >= 0 && i % every === 0 ? { outcome } : {}));
    const over = judged('p95(ttft) <= 800 ms', { records: some(50) });
    expect(over).toMatchObject({ verdict: 'inconclusive', reason: expect.stringContaining('12 of 600 requests') });
    expect(judged('p95(ttft) <= 800 ms', { records: some(100) }).verdict).toBe('pass');
  },
);

test('what was abandoned is no error, and where it is much, latencies and errors decide nothing', () => {
  // 10 % waited enough and left: the slow ones, of whom nobody knows how slow they would have been.
  expect(judged('abandoned <= 20%', { records: abandoning })).toMatchObject({
    verdict: 'pass',
    measured: 10,
    samples: 600,
  });
  expect(judged('throughput >= 8/s', { records: abandoning })).toMatchObject({ verdict: 'pass' });
  for (const objective of ['errors <= 1%', 'p95(ttft) <= 800 ms', 'availability >= 99%']) {
    const found = judged(objective, { records: abandoning });
    expect(found).toMatchObject({
      verdict: 'inconclusive',
      reason: expect.stringContaining('60 of 600 requests (10%)'),
    });
  }
  const counted = steadyLoad((_, i) => (i % 10 === 0 ? { outcome: 'client-timeout' } : {}));
  expect(judged('errors <= 1%', { records: counted })).toMatchObject({ verdict: 'fail', measured: 10 });
  expect(judged('errors(client-timeout) <= 1%', { records: counted })).toMatchObject({ verdict: 'fail' });
});

test('attempts are counted over requests that were sent, whatever became of them', () => {
  // Of every three requests one is tried once, one three times in vain, one is dropped: 4 attempts for 2 requests.
  const records = steadyLoad((_, i) => {
    if (i % 3 === 0) return { attempts: 1 };
    return i % 3 === 1 ? { attempts: 3, outcome: 'reset' } : { attempts: 0, outcome: 'dropped' };
  });
  expect(judged('attempts <= 1', { records })).toMatchObject({ measured: 2, samples: 400, verdict: 'fail' });
  expect(judged('attempts <= 1.5')).toMatchObject({ measured: 1, samples: 600, verdict: 'pass' });
  expect(judged('attempts <= 9', { records: records.slice(20, 32) })).toMatchObject({ verdict: 'inconclusive' });
  expect(judged('attempts <= 2', { window: 'load:steady', records: storming }).confidence).toMatchObject({
    lower: expect.closeTo(1.33, 0),
    upper: expect.closeTo(2.9, 0),
  });
});

test('goodput leaves out nothing but what the end of the run cut off', () => {
  const kinds = ['dropped', 'interrupted', 'reset', 'abandoned'] as const;
  const records = steadyLoad((_, i) => (i % 10 < 4 ? { outcome: kinds[i % 10]! } : {}));
  expect(judged('goodput(1 s) >= 50%', { records })).toMatchObject({ measured: 66.667, samples: 540, unit: '%' });
  expect(judged('goodput(1 s) >= 5/s', { records })).toMatchObject({ measured: 6, unit: '/s' });
});

test('an SLO of a class is about its users alone', () => {
  const records = steadyLoad((_, i) => (i % 4 === 0 ? { class: 'batch', outcome: 'reset' } : { class: 'vip' }));
  const run = factsOf(planOf(), historyOf(planOf()), records);
  const ask = (name: string, objective: string) =>
    judgeSlo({ name: 'slo', window: 'whole', objective, class: name }, run);
  expect(ask('vip', 'errors <= 1%')).toMatchObject({ verdict: 'pass', samples: 450, window: 'whole, class vip' });
  expect(ask('batch', 'errors <= 1%')).toMatchObject({ verdict: 'fail', samples: 150 });
  expect(ask('vip', 'throughput >= 7/s')).toMatchObject({ verdict: 'pass', measured: 7.5 });
  expect(ask('nobody', 'errors <= 1%')).toMatchObject({ verdict: 'inconclusive', samples: 0 });
});

test('throughput counts answers that ended inside the window, whenever they were asked for', () => {
  // 10/s for 60 s, each answered after 500 ms: what was asked in the last half second is out, warm-up answers are in.
  expect(judged('throughput >= 9/s')).toMatchObject({ measured: 10, samples: 600, unit: '/s' });
});

test('the window of a fault that was had no observable effect is invalid', () => {
  const found = judged('errors <= 1%', { window: 'fault:kill', plan: { faults: [KILL] }, events: killed(null) });
  expect(found).toMatchObject({ verdict: 'invalid', measured: null });
  expect(found.reason).toContain('had no observable effect');
});

test('the recovery window of a fault that never healed is inconclusive', () => {
  const found = judged('errors <= 1%', {
    window: 'recovery:kill',
    plan: { faults: [KILL] },
    events: killed(20_100, null),
  });
  expect(found).toMatchObject({
    verdict: 'inconclusive',
    reason: expect.stringContaining('recovery from the fault was not observed'),
  });
});

test('a check that crashes is inconclusive', () => {
  const checks = withJudge(() => {
    throw new Error('divided by zero');
  });
  const found = judgeSlo(planOf().slos[0]!, factsOf(planOf(), [], steadyLoad()), checks);
  expect(found).toMatchObject({ verdict: 'inconclusive', reason: 'The check crashed: divided by zero' });
  expect(judged('nonsense')).toMatchObject({ verdict: 'inconclusive', unit: '' });
});

test('the check that measures nothing decides nothing', () => {
  const checks = withJudge(noop.judge);
  expect(judgeSlo(planOf().slos[0]!, factsOf(planOf(), [], steadyLoad()), checks).verdict).toBe('inconclusive');
});

test('records are brought into scheduled order', () => {
  expect(factsOf(planOf(), [], steadyLoad().toReversed()).records).toEqual(steadyLoad());
});

test('gaps count their requests as samples', () => {
  const records = Array.from({ length: 50 }, (_, i) => requestOf(i, i * 1000, { gapsMs: new Array(100).fill(10) }));
  const found = judged('p95(itl) <= 50 ms', { records });
  // 5,000 gaps, but 50 requests: under the 59 that a P95 needs.
  expect(found).toMatchObject({ verdict: 'inconclusive', samples: 50 });
  expect(found.measured).toBeGreaterThan(9.9);
  expect(found.measured).toBeLessThan(10.1);
});
