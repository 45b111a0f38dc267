import { expect, test } from 'vitest';
import type { FaultStep, TimedEvent } from '../../harness/history.ts';
import { Cells, faultOutcomes, membershipOf, requestsIn, windowNames, windowsOf } from '../../harness/windows.ts';
import { historyOf, KILL, killed, planOf, requestOf } from '../reports/runs.ts';

const plan = planOf({ faults: [KILL] });
const spans = (events: readonly TimedEvent[], of = plan) =>
  Object.fromEntries(windowsOf(of, events).map(window => [window.name, [window.fromMs, window.toMs]]));

test('windows follow what happened, not the plan: from the injection to the observed recovery', () => {
  // Planned from 20 s to 30 s; injected from 20 s, seen in effect at 20.1 s, recovered at 33 s.
  expect(spans(historyOf(plan, ...killed(20_100, 33_000)))).toEqual({
    baseline: [0, 20_000],
    'load:steady': [0, 60_000],
    'fault:kill': [20_000, 33_000],
    'recovery:kill': [33_000, 60_000],
    whole: [0, 60_000],
  });
});

test.each<[string, TimedEvent[], Record<string, number[] | undefined>]>([
  [
    'a fault without effect, which may have acted unnoticed',
    killed(null),
    { baseline: [0, 20_000], 'fault:kill': undefined, 'recovery:kill': undefined },
  ],
  ['a fault without recovery', killed(20_100, null), { 'fault:kill': [20_000, 60_000], 'recovery:kill': undefined }],
  ['a recovery after the load', killed(20_100, 65_000), { 'fault:kill': [20_000, 60_000], 'recovery:kill': undefined }],
  [
    'an interruption during the fault',
    [...killed(20_100, 26_000), { atMs: 25_000, type: 'interrupted', by: 'SIGINT' }],
    { 'fault:kill': [20_000, 25_000], 'recovery:kill': undefined, whole: [0, 25_000], 'load:steady': [0, 25_000] },
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

const step = (id: string, name: FaultStep, atMs: number, seenMs = atMs): TimedEvent => ({
  atMs,
  seenMs,
  type: 'fault',
  id,
  step: name,
  evidence: '',
});

test.each<[string, TimedEvent[]]>([
  [
    'failed injection',
    [step('kill', 'inject', 20_000), step('kill', 'failed', 22_000), step('kill', 'healed', 23_000)],
  ],
  [
    'fault that noise hides',
    [step('kill', 'inject', 20_000), step('kill', 'hidden', 25_000), step('kill', 'healed', 31_000)],
  ],
])('a %s ends the baseline where it begins, and has no window', (_, events) => {
  const found = spans(historyOf(plan, ...events));
  expect(found).toMatchObject({ baseline: [0, 20_000] });
  expect(found['fault:kill']).toBeUndefined();
});

test('a fault from the very start leaves no baseline', () => {
  expect(spans(historyOf(plan, step('kill', 'inject', 0), step('kill', 'effective', 300)))).not.toHaveProperty(
    'baseline',
  );
});

/*
 * A kill cuts the streams of a replica while its injection is running; that the instance is gone is observed 12 ms and more later. The
 * events come in any order of milliseconds that the machine allows.
 */
test.each([
  // [injection begins, streams end, injected, observed onset]
  [21_000, 21_043, 21_055, 21_055],
  [21_000, 21_000.5, 21_001, 21_012.5],
  [21_000, 21_060, 21_055, 21_055],
  [21_004, 21_004.001, 21_030, 21_004.002],
  [21_000, 21_900, 21_010, 21_930],
])('streams that a kill at %d ms cuts at %d ms belong to it alone', (beginMs, cutMs, injectedMs, onsetMs) => {
  const slow = { ...KILL, id: 'slow-link', atMs: 12_000, forMs: 7000 };
  const two = planOf({ faults: [slow, { ...KILL, atMs: 21_000, forMs: null }] });
  const events = historyOf(
    two,
    ...[
      step('slow-link', 'inject', 12_000),
      step('slow-link', 'effective', 12_400),
      step('slow-link', 'healed', 19_100),
    ],
    ...[step('kill', 'inject', beginMs), step('kill', 'injected', injectedMs)],
    ...[step('kill', 'effective', onsetMs + 30, onsetMs), step('kill', 'healed', 32_000)],
  );
  // Some of them were scheduled before the injection began, some while it was running.
  const cut = [15_000, 20_500, 20_999, beginMs, (beginMs + cutMs) / 2].map((scheduledMs, i) =>
    requestOf(i, scheduledMs, { latencyMs: cutMs - scheduledMs, outcome: 'truncated', ttftMs: 100 }),
  );
  const named = windowsOf(two, events).filter(({ name }) => !/^(load:|whole)/.test(name));
  const counts = Object.fromEntries(named.map(window => [window.name, requestsIn(window, cut).length]));
  const elsewhere = { baseline: 0, 'fault:slow-link': 0, 'recovery:slow-link': 0, 'recovery:kill': 0 };
  expect(counts).toEqual({ ...elsewhere, 'fault:kill': 5 });
});

test('a history without the start of an injection is judged from what it has', () => {
  const old = historyOf(plan, ...killed().filter(event => !(event.type === 'fault' && event.step === 'inject')));
  expect(spans(old)).toMatchObject({ baseline: [0, 20_050], 'fault:kill': [20_050, 30_000] });
});

test('recovery ends at the injection of the next fault', () => {
  const two = planOf({ faults: [KILL, { ...KILL, id: 'again', atMs: 40_000 }] });
  const again = [step('again', 'inject', 40_000), step('again', 'effective', 40_200), step('again', 'healed', 45_000)];
  const found = spans(historyOf(two, ...killed(), ...again), two);
  expect(found['recovery:kill']).toEqual([30_000, 40_000]);
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

test('a request in flight at the injection of a second fault belongs to it, not to the recovery from the first', () => {
  const two = planOf({ faults: [KILL, { ...KILL, id: 'again', atMs: 40_000 }] });
  const begun = [step('again', 'inject', 40_200), step('again', 'effective', 40_300)];
  const windows = windowsOf(two, historyOf(two, ...killed(), ...begun));
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

test('cells tell the windows of requests as the tests of each window do, at their bounds, too', () => {
  const two = planOf({ faults: [KILL, { ...KILL, id: 'again', atMs: 40_000 }] });
  const begun = killed().map(event => ({ ...event, atMs: event.atMs + 20_000, id: 'again' }) as TimedEvent);
  const windows = windowsOf(two, historyOf(two, ...killed(), ...begun));
  const bounds = [...new Set(windows.flatMap(({ fromMs, toMs }) => [fromMs, toMs]))];
  const atMs = [-5000, ...bounds.flatMap(ms => [ms - 1, ms, ms + 1, ms + 4000])];
  const requests = atMs.flatMap(scheduledMs => atMs.map(endMs => ({ scheduledMs, endMs })));
  const cells = new Cells(windows);
  let current: readonly boolean[] | undefined;
  let entered = 0;
  for (const request of [...requests, ...requests.toReversed()]) {
    if (!current || !cells.has(request.scheduledMs, request.endMs)) {
      current = cells.enter(request);
      entered += 1;
    }
    expect(current, `${request.scheduledMs} to ${request.endMs}`).toEqual(
      windows.map(window => membershipOf(window)(request)),
    );
  }
  expect(entered).toBeLessThan(requests.length);
});
