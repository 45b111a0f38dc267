import { expect, test } from 'vitest';
import type { Phase, TimedEvent } from '../../../harness/history.ts';
import { judge } from '../../../reports/judge/judge.ts';
import { historyOf, planOf, type RequestChanges, steadyLoad } from '../runs.ts';

/** Reasons of a run except that of its one SLO; asserts that it is invalid exactly if there are any. */
function reasonsOf(
  load: (scheduledMs: number, index: number) => RequestChanges = () => ({}),
  events: readonly TimedEvent[] = [],
  requests = 620,
): string[] {
  const records = steadyLoad(load).slice(0, requests);
  const { verdict, reasons } = judge({ events: historyOf(planOf(), ...events), records }).document;
  const found = reasons.filter(reason => !/SLO|errors stay rare/.test(reason));
  expect(verdict === 'invalid').toBe(found.length > 0);
  return found;
}

const generator = (cpuMs: number, cores?: number): TimedEvent => ({
  atMs: 60_500,
  type: 'load',
  summary: { cpuMs, wallMs: 62_000, peakRssBytes: 1, ...(cores ? { cores } : {}) },
});

test.each<[string, TimedEvent, string[]]>([
  ['at 85 % of its core', generator(52_700, 1), []],
  ['above that', generator(55_800, 1), ['The generator used 90% of its one core; the limit is 85%.']],
  ['at 90 % of one of its four cores', generator(55_800, 4), []],
  ['at all four', generator(240_000, 4), [expect.stringContaining('96.8% of its 4 cores')]],
  ['that does not report its cores', generator(62_000), []],
])('a generator %s', (_, event, reasons) => {
  expect(reasonsOf(undefined, [event])).toEqual(reasons);
});

test('a generator that leaves one stage short makes the run invalid, even if its P99 lateness is low', () => {
  // The last 5 of 600 were sent 3 s late: less than 1 %, and less than 5 % of their stage.
  expect(reasonsOf((_, i) => (i >= 615 ? { lateMs: 3000 } : {}))).toEqual([]);
  // Two stages: the second holds the last 50 arrivals, of which 5 leave after its end.
  const [warmUp, steady] = planOf().load.ramps;
  const ramps = [warmUp!, { ...steady!, toMs: 55_000 }, { ...steady!, name: 'burst', fromMs: 55_000 }];
  const plan = planOf({ load: { ...planOf().load, ramps } });
  const staged = (lateMs: number) =>
    steadyLoad((_, i) => (i >= 615 ? { lateMs } : {})).map(record =>
      record.scheduledMs >= 55_000 ? { ...record, stage: 'burst' } : record,
    );
  const late = judge({ events: historyOf(plan), records: staged(3000) }).document;
  expect(late).toMatchObject({ verdict: 'invalid', load: { lateMsP99: 0 } });
  expect(late.reasons[0]).toBe(
    'In stage burst, 45 of 50 arrivals (90%) were sent before the stage ended; the minimum is 95%.',
  );
  expect(judge({ events: historyOf(plan), records: staged(90) }).document.verdict).toBe('pass');
});

// Ten arrivals a second were due in each stage; those at the end of the one began in the other, as late as a k6 that stood still.
test('a generator that does not say when requests were due is found out by what its rate asks for', () => {
  const [warmUp, steady] = planOf().load.ramps;
  const ramps = [warmUp!, { ...steady!, toMs: 50_000 }, { ...steady!, name: 'burst', fromMs: 50_000 }];
  const plan = planOf({ load: { ...planOf().load, ramps } });
  const summary = { cpuMs: 1, wallMs: 60_000, peakRssBytes: 1, lateness: 'unknown' } as const;
  const judged = (stoodStillMs: number) => {
    const records = steadyLoad().map(record => {
      const sentMs = Math.max(record.scheduledMs, record.scheduledMs >= 46_000 ? 46_000 + stoodStillMs : 0);
      const stage = sentMs >= 50_000 ? 'burst' : record.stage;
      return record.scheduledMs < 46_000
        ? record
        : { ...record, scheduledMs: sentMs, sentMs, endMs: sentMs + 50, stage };
    });
    const events = historyOf(plan, { atMs: 60_500, type: 'load', summary });
    return judge({ events, records }).document;
  };
  expect(judged(4000)).toMatchObject({ verdict: 'invalid', load: { lateMsP99: null, offered: 600 } });
  expect(judged(4000).reasons[0]).toMatch(/^In stage steady, 460 of 499 arrivals \(92\.2%\)/);
  expect(judged(0)).toMatchObject({ verdict: 'pass', load: { lateMsP99: null } });
});

test('arrivals dropped in a stage reduce its rate; those dropped in the warm-up do not matter', () => {
  const dropped = (from: number, to: number) => (ms: number) =>
    ms >= from && ms < to ? ({ outcome: 'dropped' } as const) : {};
  expect(reasonsOf(dropped(0, 3500))).toEqual([
    '35 of 600 arrivals (5.83%) were dropped because too many requests were in flight; the limit is 1%.',
    expect.stringContaining('In stage steady, 565 of 600 arrivals (94.2%)'),
  ]);
  expect(reasonsOf(dropped(-2000, 0))).toEqual([]);
});

test('the requests of a judged window must be sent on time, however short it is', () => {
  const windowed = (window: string, late: number) => {
    const [slo] = planOf().slos;
    const [warmUp, steady] = planOf().load.ramps;
    const ramps = [warmUp!, { ...steady!, toMs: 55_000 }, { ...steady!, name: 'burst', fromMs: 55_000 }];
    const plan = planOf({ load: { ...planOf().load, ramps }, slos: [{ ...slo!, window }] });
    // Of the burst's 50 arrivals the first are sent late, still within its time: of all 600 that is less than 1 %.
    const records = steadyLoad((_, i) => (i >= 570 && i < 570 + late ? { lateMs: 400 } : {})).map(record =>
      record.scheduledMs >= 55_000 ? { ...record, stage: 'burst' } : record,
    );
    return judge({ events: historyOf(plan), records }).document;
  };
  const late = windowed('load:burst', 3);
  expect(late).toMatchObject({ verdict: 'invalid', load: { lateMsP99: 0 } });
  expect(late.reasons[0]).toBe(
    'In window load:burst, 3 of 50 requests (6%) were sent more than 100 ms late; the limit is 5%. The load generator had too little CPU: end other programs, lower the rate, or use more --workers.',
  );
  // Fifty requests are too few for a verdict.
  expect(windowed('load:burst', 2).verdict).toBe('inconclusive');
  expect(windowed('whole', 3).verdict).toBe('pass');
});

/** Phases as recorded by a machine whose wall clock gains `jumpMs` in the middle of `during`. */
function phases(jumpMs: number, during: Phase): TimedEvent[] {
  const names: Phase[] = ['up', 'warm-up', 'load', 'recover', 'drain', 'down'];
  const atMs = [-4900, -3000, 0, 60_000, 60_000, 61_000];
  return names.map((phase, i) => {
    const wallMs = 1_767_323_045_000 + atMs[i]! + (i > names.indexOf(during) ? jumpMs : 0);
    return { atMs: atMs[i]!, type: 'phase', phase, wallMs };
  });
}

test.each<[string, TimedEvent[], string[]]>([
  ['that agree', phases(0, 'load'), []],
  ['that diverge within the slew of NTP', phases(1020, 'load'), []],
  [
    'of a machine that was suspended',
    phases(90_000, 'load'),
    [
      'The wall clock jumped forward by 90 s between the phases load and recover: the machine was suspended, or its clock was set.',
    ],
  ],
  [
    'that were set back',
    phases(-1500, 'warm-up'),
    [expect.stringContaining('jumped back by 1.5 s between the phases warm-up and load')],
  ],
  ['that were set before anything was measured', phases(90_000, 'up'), []],
  ['of which only one was recorded', phases(0, 'load').map(({ atMs }) => ({ atMs, type: 'phase', phase: 'load' })), []],
])('clocks %s', (_, events, reasons) => {
  const run = historyOf(planOf()).filter(event => event.type !== 'phase' || event.phase === 'done');
  const { document } = judge({ events: [...run.slice(0, 2), ...events, run[2]!], records: steadyLoad() });
  expect([document.verdict, document.reasons]).toEqual(
    reasons.length > 0 ? ['invalid', expect.arrayContaining(reasons)] : ['pass', ['The SLO is met.']],
  );
});

test('fewer than 30 measured requests make a run invalid, unless it was stopped', () => {
  // The first 20 records are of the warm-up.
  expect(reasonsOf(undefined, [], 49)).toEqual(['Only 29 requests were measured; the minimum is 30.']);
  expect(reasonsOf(undefined, [], 50)).toEqual([]);
  expect(reasonsOf(ms => (ms >= 2500 ? { outcome: 'interrupted' } : {}))).toEqual([
    'Only 25 requests were measured; the minimum is 30.',
  ]);
  const stopped: TimedEvent = { atMs: 900, type: 'interrupted', by: 'SIGINT' };
  const { verdict } = judge({ events: historyOf(planOf(), stopped), records: steadyLoad().slice(0, 29) }).document;
  expect(verdict).toBe('inconclusive');
});
