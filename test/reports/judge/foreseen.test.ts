import { expect, test } from 'vitest';
import type { LoadPlan, RunPlan } from '../../../harness/plan.ts';
import { judge } from '../../../reports/judge/judge.ts';
import { samplesForRatio, samplesForUpperBound } from '../../../reports/judge/statistics.ts';
import { foresee } from '../../../reports/judge/warnings/foreseen.ts';
import { historyOf, KILL, planOf, steadyLoad } from '../runs.ts';

/** Warnings of a plan of 10/s for 60 s with a fault from 20 s to 24 s. */
function warned(
  objective: string,
  window = 'whole',
  changes: Partial<RunPlan> = {},
  load: Partial<LoadPlan> = {},
): string[] {
  const slos = [{ name: 's', window, objective }];
  const plan = planOf({ faults: [{ ...KILL, forMs: 4000 }], slos, ...changes });
  return foresee({ ...plan, load: { ...plan.load, ...load } });
}

test('a window with 40 requests is too small for a P95, and the numbers to change are named', () => {
  expect(warned('p95(ttft) <= 1 s', 'fault:kill')).toEqual([
    'SLO "s": p95(ttft) <= 1 s in fault:kill needs 59 requests to pass, and the plan sends about 40 there: raise the rate there from 10/s to 14.8/s, or make it 5.9 s long instead of 4 s, or judge p90.',
  ]);
});

test.each([
  // [objective, window, requests that it needs]; the windows hold 200, 40, 360 and 600.
  ['p95(ttft) <= 1 s', 'baseline', null],
  ['p99(ttft) <= 1 s', 'baseline', 299],
  ['p99.9(ttft) <= 1 s', 'whole', 2995],
  ['p99(ttft) <= 1 s', 'recovery:kill', null],
  ['p99(ttft) <= 1 s', 'load:steady', null],
  ['p99(latency | completed) <= 1 s', 'fault:kill', 299],
  ['p5(user-throughput) >= 20/s', 'fault:kill', 59],
  ['errors <= 1%', 'fault:kill', 299],
  ['errors <= 10%', 'fault:kill', null],
  ['errors <= 0.1%', 'whole', 2995],
  ['errors <= 100%', 'fault:kill', null],
  ['availability >= 99%', 'fault:kill', 299],
  ['goodput(1 s) >= 95%', 'fault:kill', 59],
  ['goodput(1 s) >= 5/s', 'fault:kill', null],
  ['max(ttft) <= 1 s', 'fault:kill', null],
  ['throughput >= 5/s', 'fault:kill', null],
  ['recovery(kill) <= 10 s', 'whole', null],
])('%s in %s: %s', (objective, window, needed) => {
  const warnings = warned(objective, window);
  if (needed === null) expect(warnings).toEqual([]);
  else expect(warnings).toEqual([expect.stringContaining(`in ${window} needs ${needed} requests to pass`)]);
});

test('a comparison needs both windows', () => {
  const both = warned('slowdown(p99(latency), fault:kill) <= 3');
  expect(both).toEqual([
    expect.stringContaining('in fault:kill needs 368 requests to pass, and the plan sends about 40 there'),
    expect.stringContaining('in baseline needs 368 requests to pass, and the plan sends about 200 there'),
  ]);
  expect(warned('slowdown(p90(latency), load:steady) <= 3')).toEqual([]);
});

test('a toxicity that is drawn for few connections may affect none', () => {
  const cut = { ...KILL, id: 'cut', kind: 'limit-data', target: 'client->target', forMs: 4000 };
  const warnings = (toxicity: number, load: Partial<LoadPlan> = {}, target = cut.target) =>
    warned('max(ttft) <= 1 s', 'whole', { faults: [{ ...cut, target, parameters: { toxicity } }] }, load);
  // 40 requests meanwhile, ten on each connection.
  expect(warnings(0.5)).toEqual([
    'Fault cut draws its toxicity of 0.5 for each connection, and the load opens about 4 while it is active, so that with a chance of 6 % no request is affected: set `load.clients.connections: fresh`, or make the fault longer.',
  ]);
  expect(warnings(0.9)).toEqual([]);
  expect(warnings(1)).toEqual([]);
  const clients = { retry: null, clientTimeout: null, classes: [] };
  expect(warnings(0.1, { clients: { ...clients, connections: { kind: 'fresh', maxRequests: null } } })).toEqual([]);
  expect(warnings(0.9, { clients: { ...clients, connections: { kind: 'reuse', maxRequests: null } } })).toEqual([
    expect.stringContaining('opens about 1 while'),
  ]);
  // A gateway's connections are its own.
  expect(warnings(0.5, {}, 'gateway->inference-1')).toEqual([]);
});

test('no number of requests shows a ratio of 0', () => {
  expect(warned('errors <= 0%')).toEqual([expect.stringContaining('can never pass')]);
  expect(warned('availability >= 100%')).toEqual([expect.stringContaining('can never pass')]);
});

test('a fault that heals by itself may last until the end of the load', () => {
  const faults = [{ ...KILL, forMs: null }];
  expect(warned('p99(ttft) <= 1 s', 'fault:kill', { faults })).toEqual([]);
  expect(warned('p99.9(ttft) <= 1 s', 'fault:kill', { faults })).toEqual([
    expect.stringContaining('at most 400 there'),
  ]);
  expect(warned('p99.9(ttft) <= 1 s', 'recovery:kill', { faults })).toEqual([expect.stringContaining('at most 399')]);
});

test('a fault from the start leaves no baseline', () => {
  const faults = [{ ...KILL, atMs: 0, forMs: 4000 }];
  expect(warned('p95(ttft) <= 1 s', 'baseline', { faults })).toEqual([expect.stringContaining('sends about 0 there')]);
});

test('a class has its part of the requests', () => {
  const { workload } = planOf().load;
  const classes = [1, 9].map(weight => ({ name: `w${weight}`, weight, workload }));
  const clients = { retry: null, clientTimeout: null, classes } as never;
  const of = (name: string) =>
    warned(
      'p95(ttft) <= 1 s',
      'baseline',
      { slos: [{ name: 's', window: 'baseline', objective: 'p95(ttft) <= 1 s', class: name }] },
      { clients },
    );
  expect(of('w9')).toEqual([]);
  expect(of('w1')).toEqual([expect.stringContaining('about 20 there')]);
});

test('ramps count by their rates', () => {
  // From 0 to 10/s over 20 s: 100 requests, of which the last 5 s have 43.75.
  const ramps = [{ name: 'up', fromMs: 0, toMs: 20_000, fromPerSecond: 0, toPerSecond: 10 }];
  const faults = [{ ...KILL, atMs: 15_000, forMs: 60_000 }];
  expect(warned('p95(ttft) <= 1 s', 'fault:kill', { faults }, { ramps })).toEqual([
    expect.stringContaining('about 43 there'),
  ]);
  expect(warned('p95(ttft) <= 1 s', 'baseline', { faults }, { ramps })).toEqual([
    expect.stringContaining('about 56 there'),
  ]);
});

test('where requests depend on responses nothing is said', () => {
  const closed = { arrivals: { kind: 'closed', thinkTimeMs: [0, 0] } } as const;
  const { workload } = planOf().load;
  const sessions = { turns: 3, thinkTimeMs: [0, 0] } as const;
  for (const load of [closed, { connections: 3 }, { workload: { ...workload, sessions } as never }])
    expect(warned('p99.9(ttft) <= 1 s', 'fault:kill', {}, load)).toEqual([]);
  expect(warned('p95(ttft) <= 1 s', 'fault:kill', {}, { arrivals: { kind: 'trace' } })).toEqual([]);
});

test('fewer than 30 requests in all are warned of', () => {
  const ramps = [{ name: 'steady', fromMs: 0, toMs: 2000, fromPerSecond: 10, toPerSecond: 10 }];
  expect(warned('max(ttft) <= 1 s', 'whole', { faults: [] }, { ramps })).toEqual([
    expect.stringMatching(/^The plan sends about 20 requests, and a run with fewer than 30 is invalid: raise the rate/),
  ]);
});

test('what is foreseen comes true: with the needed requests and none bad it passes, with one less it does not', () => {
  for (const [objective, needed] of [
    ['p95(ttft) <= 1 s', samplesForUpperBound(0.95)],
    ['errors <= 2%', samplesForRatio(0.02)],
  ] as const)
    for (const missing of [0, 1]) {
      const plan = planOf({ slos: [{ name: 's', window: 'whole', objective }] });
      const records = steadyLoad().slice(20, 20 + needed - missing);
      const { verdict } = judge({ events: historyOf(plan), records }).document;
      expect(verdict).toBe(missing === 0 ? 'pass' : 'inconclusive');
    }
});

test('warnings of a plan stand in its run', () => {
  const plan = planOf({ warnings: ['SLO "s": too few.'] });
  expect(judge({ events: historyOf(plan), records: steadyLoad() }).document.warnings).toEqual(['SLO "s": too few.']);
});

test('an SLO on scaling that no run can decide is named', () => {
  const ramp = (name: string, fromMs: number, rate: number) => ({
    ...{ name, fromMs, toMs: fromMs + 60_000, fromPerSecond: rate, toPerSecond: rate },
  });
  const load = { ramps: [ramp('low', 0, 100), ramp('high', 60_000, 200)] };
  const noFaults = { faults: [] };
  expect(warned('scaling(step).restored <= 1 m', 'whole', noFaults, load)).toEqual([
    expect.stringContaining('can never be decided, since no SLO on a latency, errors or goodput says what is restored'),
  ]);
  expect(warned('scaling(step).decided <= 1 m', 'load:low', noFaults, load)).toEqual([
    expect.stringContaining('since no such step begins in load:low, but at load:high.'),
  ]);
  for (const window of ['whole', 'load:high'])
    expect(warned('scaling(step).decided <= 1 m', window, noFaults, load)).toEqual([]);
  // A fault may take a replica, which is a step, too.
  expect(warned('scaling(step).decided <= 1 m', 'load:low', {}, load)).toEqual([]);
});
