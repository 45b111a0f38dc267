import { expect, test } from 'vitest';
import type { TimedEvent } from '../../harness/history.ts';
import { faultOutcomes, requestsIn, windowNames, windowsOf } from '../../harness/windows.ts';
import { historyOf, KILL, killed, planOf, requestOf } from '../reports/runs.ts';

const plan = planOf({ faults: [KILL] });
const spans = (events: readonly TimedEvent[], of = plan) =>
  Object.fromEntries(windowsOf(of, events).map(window => [window.name, [window.fromMs, window.toMs]]));

test('windows follow the observed times, not the plan', () => {
  // Planned from 20 s to 30 s; in effect from 20.1 s, recovered at 33 s.
  expect(spans(historyOf(plan, ...killed(20_100, 33_000)))).toEqual({
    baseline: [0, 20_100],
    'load:steady': [0, 60_000],
    'fault:kill': [20_100, 33_000],
    'recovery:kill': [33_000, 60_000],
    whole: [0, 60_000],
  });
});

test.each<[string, TimedEvent[], Record<string, number[] | undefined>]>([
  [
    'a fault without effect',
    killed(null),
    { baseline: [0, 60_000], 'fault:kill': undefined, 'recovery:kill': undefined },
  ],
  ['a fault without recovery', killed(20_100, null), { 'fault:kill': [20_100, 60_000], 'recovery:kill': undefined }],
  ['a recovery after the load', killed(20_100, 65_000), { 'fault:kill': [20_100, 60_000], 'recovery:kill': undefined }],
  [
    'an interruption during the fault',
    [...killed(20_100, 26_000), { atMs: 25_000, type: 'interrupted', by: 'SIGINT' }],
    { 'fault:kill': [20_100, 25_000], 'recovery:kill': undefined, whole: [0, 25_000], 'load:steady': [0, 25_000] },
  ],
  [
    'a crash before the load phase',
    [{ atMs: -10, type: 'crashed', reason: 'x' }],
    { whole: undefined, baseline: undefined },
  ],
])('%s', (_, events, expected) => {
  const found = spans(historyOf(plan, ...events));
  for (const [name, span] of Object.entries(expected)) expect(found[name]).toEqual(span);
});

test('recovery ends at the onset of the next fault', () => {
  const two = planOf({ faults: [KILL, { ...KILL, id: 'again', atMs: 40_000 }] });
  const step = (name: 'effective' | 'healed', atMs: number): TimedEvent => ({
    atMs,
    type: 'fault',
    id: 'again',
    step: name,
    evidence: '',
  });
  const found = spans(historyOf(two, ...killed(), step('effective', 40_200), step('healed', 45_000)), two);
  expect(found['recovery:kill']).toEqual([30_000, 40_200]);
  expect(found['recovery:again']).toEqual([45_000, 60_000]);
});

test('an observation counts from the time at which it was made', () => {
  const seen: TimedEvent = {
    atMs: 21_000,
    seenMs: 20_400,
    type: 'fault',
    id: 'kill',
    step: 'effective',
    evidence: 'refused',
  };
  expect(faultOutcomes(plan, [seen])[0]).toMatchObject({
    effectiveAtMs: 20_400,
    injectedAtMs: null,
    evidence: ['refused'],
  });
});

test('the names of all possible windows are known beforehand', () => {
  expect(windowNames(plan)).toEqual(['baseline', 'whole', 'load:steady', 'fault:kill', 'recovery:kill']);
});

/*
 * baseline [0, 20,000), fault [20,000, 30,000), recovery [30,000, 60,000)
 * Scheduled arrival and end of each request, and the windows that it belongs to.
 */
test.each([
  ['before the fault', 1000, 2000, ['baseline', 'whole', 'load:steady']],
  ['in flight at the onset', 19_500, 20_500, ['fault:kill', 'whole', 'load:steady']],
  ['that ends exactly at the onset', 19_500, 20_000, ['fault:kill', 'whole', 'load:steady']],
  ['in flight throughout the fault', 19_500, 31_000, ['fault:kill', 'whole', 'load:steady']],
  ['inside the fault', 21_000, 22_000, ['fault:kill', 'whole', 'load:steady']],
  ['from the fault into recovery', 29_900, 31_000, ['fault:kill', 'whole', 'load:steady']],
  ['scheduled exactly at recovery', 30_000, 30_500, ['recovery:kill', 'whole', 'load:steady']],
  ['that ends after the load', 59_900, 65_000, ['recovery:kill', 'whole', 'load:steady']],
  ['of the warm-up', -100, 50, []],
  ['of the warm-up that ends during the fault', -100, 20_500, []],
])('a request %s', (_, scheduledMs, endMs, expected) => {
  const record = requestOf(0, scheduledMs, { latencyMs: endMs - scheduledMs });
  const windows = windowsOf(plan, historyOf(plan, ...killed(20_000, 30_000)));
  const names = windows.filter(window => requestsIn(window, [record]).length > 0).map(window => window.name);
  expect(names.sort()).toEqual([...expected].sort());
});

test('a request in flight at the onset of a second fault belongs to it, not to the recovery from the first', () => {
  const two = planOf({ faults: [KILL, { ...KILL, id: 'again', atMs: 40_000 }] });
  const bit: TimedEvent = { atMs: 40_200, type: 'fault', id: 'again', step: 'effective', evidence: '' };
  const windows = windowsOf(two, historyOf(two, ...killed(), bit));
  const record = requestOf(0, 40_000, { latencyMs: 500 });
  const names = windows.filter(window => requestsIn(window, [record]).length > 0).map(window => window.name);
  expect(names).toEqual(['load:steady', 'fault:again', 'whole']);
});

test('without a fault the baseline includes requests in flight at the end of the load', () => {
  const calm = planOf({ faults: [] });
  const [baseline] = windowsOf(calm, historyOf(calm));
  expect(baseline).toMatchObject({ name: 'baseline', toMs: 60_000 });
  expect(requestsIn(baseline!, [requestOf(0, 59_900, { latencyMs: 500 })])).toHaveLength(1);
});
