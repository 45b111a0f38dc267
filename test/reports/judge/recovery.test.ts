import { expect, test } from 'vitest';
import { factsOf } from '../../../reports/judge/fold.ts';
import { judgeSlo } from '../../../reports/judge/slo.ts';
import { historyOf, KILL, killed, planOf, type RequestChanges, steadyLoad } from '../runs.ts';

/*
 * The fault is in effect from 20,000 ms to 24,500 ms unless a case says otherwise. Arrivals are 100 ms apart, ten to a slot. The
 * time to first token of the baseline is 100 ms.
 */
interface Case {
  readonly objective?: string;
  readonly bit?: number | null;
  readonly healed?: number | null;
  readonly load?: (scheduledMs: number, index: number) => RequestChanges;
}

function recovery({ objective = 'recovery(kill) <= 10 s', bit = 20_000, healed = 24_500, load }: Case) {
  const plan = planOf({ faults: [KILL] });
  const facts = factsOf(plan, historyOf(plan, ...killed(bit, healed)), steadyLoad(load));
  return judgeSlo({ name: 'back to normal', window: 'whole', objective }, facts);
}

/** Every other request between two instants fails, or is slow. */
const failingIn = (fromMs: number, toMs: number) => (ms: number, i: number) =>
  ms >= fromMs && ms < toMs && i % 2 === 0 ? ({ outcome: 'reset' } as const) : {};
const slowIn = (fromMs: number, toMs: number) => (ms: number) => (ms >= fromMs && ms < toMs ? { ttftMs: 101 } : {});

test('without a bad slot, recovery takes until the fault has recovered', () => {
  expect(recovery({})).toMatchObject({
    verdict: 'pass',
    measured: 4500,
    confidence: { lower: 3500, upper: 4500 },
    unit: 'ms',
  });
});

test.each([
  // [what, load, measured]: failures until 27,300 make the slot [27,000, 28,000) the last bad one
  ['failures after recovery of the fault', failingIn(20_000, 27_300), 8000],
  ['a median over the baseline P99', slowIn(20_000, 27_600), 8000],
  ['a second dip after good slots', failingIn(26_000, 27_000), 7000],
  // Four slow requests of ten do not change the median.
  ['a slow minority', (ms: number, i: number) => (ms > 20_000 && i % 10 < 4 ? { ttftMs: 500 } : {}), 4500],
])('the end of the last bad slot counts: %s', (_, load, measured) => {
  expect(recovery({ load })).toMatchObject({ measured, verdict: 'pass' });
});

test('one failed request does not make a slot bad, two do', () => {
  const one = (ms: number) => (ms === 30_000 ? ({ outcome: 'reset' } as const) : {});
  const two = (ms: number) => (ms === 30_000 || ms === 30_500 ? ({ outcome: 'reset' } as const) : {});
  expect(recovery({ load: one }).measured).toBe(4500);
  expect(recovery({ load: two }).measured).toBe(11_000);
});

test('a recovery slower than the limit fails; within one slot of the limit it is inconclusive', () => {
  expect(recovery({ load: failingIn(20_000, 33_000) })).toMatchObject({ verdict: 'fail', measured: 13_000 });
  expect(recovery({ load: failingIn(20_000, 31_000) })).toMatchObject({ verdict: 'inconclusive', measured: 11_000 });
});

test('a target that stays broken fails without a measured value', () => {
  const found = recovery({ load: failingIn(20_000, 60_000) });
  expect(found).toMatchObject({ verdict: 'fail', measured: null });
  expect(found.reason).toContain('Not recovered when the observation ended');
});

test('a fault that did not recover fails, even without failed requests', () => {
  expect(recovery({ healed: null })).toMatchObject({ verdict: 'fail', measured: null });
});

test('an observation shorter than the limit cannot show a miss', () => {
  const late = { bit: 55_000, healed: 55_500, load: failingIn(55_000, 60_000) };
  expect(recovery(late)).toMatchObject({ verdict: 'inconclusive', measured: null });
});

test('recovery in the last seconds is inconclusive: three good slots are required', () => {
  expect(recovery({ load: failingIn(20_000, 58_000), objective: 'recovery(kill) <= 50 s' })).toMatchObject({
    verdict: 'inconclusive',
    measured: 38_000,
    reason: expect.stringContaining('Only 2 complete good seconds'),
  });
  expect(recovery({ load: failingIn(20_000, 57_000), objective: 'recovery(kill) <= 50 s' }).verdict).toBe('pass');
});

test('ten good seconds in a row are a recovery: a burst long after is told, and is no part of it', () => {
  // Bad until 32 s, 12 s after the onset; again from 46 s to 47 s, 26 s after it.
  const burst = (ms: number, i: number) => ({
    ...failingIn(20_000, 32_000)(ms, i),
    ...failingIn(46_000, 47_000)(ms, i),
  });
  const found = recovery({ load: burst, objective: 'recovery(kill) <= 15 s' });
  expect(found).toMatchObject({ verdict: 'pass', measured: 12_000 });
  expect(found.reason).toContain('Later, 26 s after the onset and 14 good seconds, a second was bad again');
  expect(recovery({ load: failingIn(20_000, 32_000) }).reason).not.toContain('Later');
  // After fewer than ten it is the same incident.
  const soon = (ms: number, i: number) => ({
    ...failingIn(20_000, 32_000)(ms, i),
    ...failingIn(41_000, 42_000)(ms, i),
  });
  expect(recovery({ load: soon, objective: 'recovery(kill) <= 15 s' })).toMatchObject({
    verdict: 'fail',
    measured: 22_000,
  });
});

test('good seconds before the fault is healed are no recovery', () => {
  // Nobody notices the fault for 20 s; that it ends hurts.
  expect(
    recovery({ healed: 40_000, load: failingIn(40_000, 43_000), objective: 'recovery(kill) <= 30 s' }),
  ).toMatchObject({
    verdict: 'pass',
    measured: 23_000,
  });
});

test('a burst in the very last second does not undo a recovery, nor is it one after that', () => {
  expect(recovery({ load: failingIn(59_000, 60_000) })).toMatchObject({ verdict: 'pass', measured: 4500 });
  expect(
    recovery({ load: failingIn(50_000, 60_000), healed: 52_000, objective: 'recovery(kill) <= 20 s' }),
  ).toMatchObject({
    verdict: 'fail',
    measured: null,
  });
});

test('a second like the worst of the baseline is good', () => {
  // 20 % of each second fail all the time; and one second in ten is three times as slow.
  const always = (ms: number, i: number) => (ms >= 0 && i % 5 === 0 ? ({ outcome: 'reset' } as const) : {});
  expect(recovery({ load: always })).toMatchObject({ verdict: 'pass', measured: 4500 });
  const slowly = (ms: number) => (Math.floor(ms / 1000) % 10 === 7 ? { ttftMs: 300 } : {});
  expect(recovery({ load: slowly })).toMatchObject({ verdict: 'pass', measured: 4500 });
  // Worse than that is bad.
  const worse = (ms: number, i: number) => (ms >= 20_000 && ms < 28_000 ? failingIn(0, 60_000)(ms, i) : always(ms, i));
  expect(recovery({ load: worse })).toMatchObject({ measured: 8000 });
});

test('from the heal, the duration of the fault does not count', () => {
  const from = (objective: string, load?: Case['load']) => recovery({ objective, ...(load && { load }) });
  expect(from('recovery(kill, from heal) <= 2 s')).toMatchObject({ verdict: 'pass', measured: 0 });
  expect(from('recovery(kill, from heal) <= 4 s', failingIn(20_000, 27_300))).toMatchObject({
    verdict: 'pass',
    measured: 3500,
    reason: expect.stringContaining('Back to normal 3.5 s after the fault was healed'),
  });
  expect(from('recovery(kill, from heal) <= 2 s', failingIn(20_000, 27_300))).toMatchObject({ verdict: 'fail' });
  expect(from('recovery(kill, from onset) <= 8 s', failingIn(20_000, 27_300))).toMatchObject({ measured: 8000 });
  expect(recovery({ objective: 'recovery(kill, from heal) <= 5 s', healed: null }).verdict).toBe('inconclusive');
  const broken = recovery({ objective: 'recovery(kill, from heal) <= 20 s', load: failingIn(20_000, 60_000) });
  expect(broken).toMatchObject({ verdict: 'fail', measured: null });
  const soon = recovery({ objective: 'recovery(kill, from heal) <= 40 s', load: failingIn(20_000, 60_000) });
  expect(soon.verdict).toBe('inconclusive');
});

test('where no engine measured a first token, the whole latency is compared', () => {
  const slow = (ms: number) => ({ ttftMs: null, latencyMs: ms >= 20_000 && ms < 27_700 ? 900 : 500 });
  expect(recovery({ load: slow })).toMatchObject({ verdict: 'pass', measured: 8000 });
});

test('a stall in which all arrivals are dropped does not count as recovered', () => {
  const load = (ms: number) => (ms >= 20_000 && ms < 28_000 ? ({ outcome: 'dropped' } as const) : {});
  expect(recovery({ load }).measured).toBe(8000);
});

test('without a baseline recovery is inconclusive', () => {
  expect(recovery({ bit: 500 })).toMatchObject({
    verdict: 'inconclusive',
    reason: expect.stringContaining('baseline'),
  });
});

test('a fault without effect, or one that is not in the plan, is invalid', () => {
  expect(recovery({ bit: null }).verdict).toBe('invalid');
  expect(recovery({ objective: 'recovery(other) <= 10 s' }).verdict).toBe('invalid');
});

test('what the next fault hits in flight is not held against the recovery from the one before', () => {
  const NEXT = { ...KILL, id: 'next', atMs: 40_050 };
  const plan = planOf({ faults: [KILL, NEXT] });
  const next = (['inject', 'effective', 'healed'] as const).map((step, nth) => {
    return { type: 'fault', id: 'next', step, evidence: '', atMs: 40_050 + 1000 * nth } as const;
  });
  const judged = (load: (ms: number) => RequestChanges) => {
    const facts = factsOf(plan, [...historyOf(plan, ...killed(20_000, 24_500)), ...next], steadyLoad(load));
    return judgeSlo({ name: 'back', window: 'whole', objective: 'recovery(kill) <= 12 s' }, facts);
  };
  // Bad until 31 s, so that fewer than ten seconds are left until the next fault. The requests of the last half second are in flight at 40,050 ms, and fail by the next fault.
  const hit = (from: number) => (ms: number) =>
    (ms >= 24_000 && ms < 31_000) || (ms >= from && ms < 40_050)
      ? ({ outcome: 'reset', latencyMs: 3000 } as const)
      : {};
  expect(judged(hit(39_500))).toMatchObject({ verdict: 'pass', measured: 11_000 });
  // Those that have hung for longer are the recovery's own.
  expect(judged(hit(26_000))).toMatchObject({ verdict: 'fail' });
});
