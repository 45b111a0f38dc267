import { expect, test } from 'vitest';
import type { RequestRecord } from '../../../harness/requests.ts';
import { factsOf } from '../../../reports/judge/fold.ts';
import { judgeSlo } from '../../../reports/judge/slo.ts';
import { historyOf, KILL, killed, planOf, type RequestChanges, requestOf, steadyLoad } from '../runs.ts';

const plan = planOf({ faults: [KILL] });
function judged(objective: string, records: readonly RequestRecord[], window = 'whole') {
  return judgeSlo({ name: 'slo', window, objective }, factsOf(plan, historyOf(plan, ...killed()), records));
}

/** 600 requests, of which `dead` have this outcome; the others take 100 ms to the first token and 500 ms in all. */
const withDead = (dead: number, change: RequestChanges = { outcome: 'reset' }) =>
  steadyLoad((ms, i) => (ms >= 0 && (i - 20) % Math.ceil(600 / dead) === 0 ? change : {}));

test('a server that was dead for 26 of 92 requests does not pass on the speed of the others', () => {
  const records = Array.from({ length: 92 }, (_, i) =>
    requestOf(i, i * 500, i >= 40 && i < 66 ? { outcome: 'connection-refused' } : { ttftMs: 47 }),
  );
  const found = judged('p95(ttft) <= 500 ms', records);
  expect(found).toMatchObject({
    verdict: 'fail',
    measured: null,
    confidence: { lower: null, upper: null },
    infinite: ['measured', 'lower', 'upper'],
    samples: 92,
    survivors: { without: 26, requests: 92, lacking: 'first token', measured: 47 },
  });
  expect(found.reason).toContain(
    '26 of 92 requests (28.3%) failed or were dropped without a first token, so they count as slower than every other; p95(ttft) of those that have one is 47 ms.',
  );
  const completed = judged('p95(ttft | completed) <= 500 ms', records);
  expect(completed).toMatchObject({ verdict: 'pass', measured: 47, samples: 66 });
  expect(completed).not.toHaveProperty('survivors');
  expect(completed.reason).toContain('26 of 92 requests (28.3%) did not complete and are not included.');
});

test.each([
  // Of 600 requests 3 % failed: P95 is still a value, the interval of P97 reaches infinity, and P99 is beyond.
  ['p95(ttft) <= 200 ms', 18, 'pass', 100],
  ['p97(ttft) <= 200 ms', 18, 'inconclusive', 100],
  ['p99(ttft) <= 200 ms', 18, 'fail', null],
  ['p95(latency) <= 1 s', 18, 'pass', 500],
  ['p99(latency) <= 1 s', 18, 'fail', null],
  ['max(ttft) <= 1 h', 1, 'fail', null],
  ['max(latency) <= 1 h', 1, 'fail', null],
  ['p95(itl) <= 1 h', 60, 'fail', null],
])('%s with %d of 600 requests dead is %s', (objective, dead, verdict, measured) => {
  expect(judged(objective, withDead(dead))).toMatchObject({ verdict, measured });
});

test.each([
  'empty',
  'engine-abort',
  'connection-refused',
  'first-token-timeout',
  'http-status',
  'truncated',
  'client-timeout',
] as const)('%s before a first token, and any end but a complete response, is slower than every other', outcome => {
  expect(judged('p95(ttft) <= 1 h', withDead(60, { outcome })).verdict).toBe('fail');
  // After a first token it has a time to it.
  const late = withDead(60, { outcome, ttftMs: 100 });
  expect(judged('p95(ttft) <= 200 ms', late)).toMatchObject({ verdict: 'pass', measured: 100 });
  expect(judged('p95(latency) <= 1 h', late)).toMatchObject({ verdict: 'fail', measured: null });
});

test('an answer that claims to be complete without a token has no time to one', () => {
  expect(judged('p95(ttft) <= 1 h', withDead(60, { ttftMs: null })).verdict).toBe('fail');
});

test.each(['abandoned', 'interrupted'] as const)('%s requests stay apart: neither fast nor slow', outcome => {
  expect(judged('p95(ttft) <= 200 ms', withDead(6, { outcome }))).toMatchObject({ verdict: 'pass', samples: 594 });
  const many = judged('p95(ttft) <= 200 ms', withDead(60, { outcome }));
  expect(many).toMatchObject({ verdict: 'inconclusive', samples: 540 });
  expect(many).not.toHaveProperty('survivors');
});

test('all dead is a miss, whatever the limit', () => {
  const found = judged(
    'p50(ttft) <= 1 h',
    steadyLoad(() => ({ outcome: 'reset' })),
  );
  expect(found).toMatchObject({ verdict: 'fail', measured: null, survivors: { measured: null } });
  expect(found.reason).toContain('no other has one');
});

test('a slowdown of those that were served is none for those that were not', () => {
  const objective = 'slowdown(p90(latency), fault:kill) <= 3';
  const dead = (everyNth: number) =>
    steadyLoad((ms, i) => (ms >= 20_000 && ms < 30_000 && i % everyNth === 0 ? { outcome: 'reset' } : {}));
  expect(judged(objective, steadyLoad()).verdict).toBe('pass');
  expect(judged(objective, dead(4))).toMatchObject({
    verdict: 'fail',
    measured: null,
    survivors: { without: 25, measured: 1 },
  });
  expect(judged('slowdown(p90(latency | completed), fault:kill) <= 3', dead(4)).verdict).toBe('pass');
});

test('failures of the baseline do not excuse what is slow later', () => {
  const records = steadyLoad((ms, i) => {
    if (ms < 20_000) return i % 4 === 0 ? { outcome: 'reset' } : {};
    return ms < 30_000 ? { latencyMs: 5000 } : {};
  });
  expect(judged('slowdown(p90(latency), fault:kill) <= 3', records)).toMatchObject({ verdict: 'fail', measured: 10 });
});
