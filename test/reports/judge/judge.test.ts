import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readHistory, type TimedEvent } from '../../../harness/history.ts';
import type { RunPlan } from '../../../harness/plan.ts';
import { judge } from '../../../reports/judge/judge.ts';
import { renderHtml } from '../../../reports/render/html/render-html.ts';
import { renderMarkdown } from '../../../reports/render/markdown.ts';
import { historyOf, KILL, killed, planOf, type RequestChanges, steadyLoad } from '../runs.ts';

const EASY = { name: 'easy', window: 'whole', objective: 'errors <= 1%' };
const BROKEN = { name: 'broken', window: 'whole', objective: 'max(ttft) <= 1 ms' };
const OPEN = { name: 'open', window: 'whole', objective: 'p99.9(ttft) <= 1 s' };

interface Case {
  readonly plan?: Partial<RunPlan>;
  readonly events?: readonly TimedEvent[];
  readonly load?: (scheduledMs: number, index: number) => RequestChanges;
  /** Index of a missing record. */
  readonly without?: number;
}

function documentOf({ plan, events = [], load, without }: Case) {
  const records = steadyLoad(load).filter(({ index }) => index !== without);
  return judge({ events: historyOf(planOf({ slos: [EASY], ...plan }), ...events), records }).document;
}

/** Summary of a generator that started `requests` requests. */
function loadEvent(requests: number): TimedEvent {
  return { atMs: 60_000, type: 'load', summary: { cpuMs: 1, wallMs: 10, peakRssBytes: 1, requests } };
}

const INVALID: TimedEvent = { atMs: 0, type: 'invalid', guard: 'steady-state', reason: 'no answers' };
const INTERRUPTED: TimedEvent = { atMs: 40_000, type: 'interrupted', by: 'SIGINT' };
const CRASHED: TimedEvent = { atMs: 40_000, type: 'crashed', reason: 'the generator died' };
const withFault = { slos: [EASY], faults: [KILL] };

test.each<[string, Case, string, number, string]>([
  ['all SLOs are met', {}, 'pass', 0, 'The SLO is met.'],
  ['one SLO is missed', { plan: { slos: [EASY, BROKEN, OPEN] } }, 'fail', 1, 'broken: The largest'],
  ['one SLO is undecided', { plan: { slos: [EASY, OPEN] } }, 'inconclusive', 2, 'open: Too few samples'],
  ['no SLO', { plan: { slos: [] } }, 'inconclusive', 2, 'nothing was judged'],
  ['a guard objects', { events: [INVALID] }, 'invalid', 2, 'steady-state: no answers.'],
  ['a fault as planned', { plan: withFault, events: killed() }, 'pass', 0, 'The SLO is met.'],
  [
    'a fault without observable effect',
    { plan: withFault, events: killed(null) },
    'invalid',
    2,
    'Fault kill had no observable effect: no-effect seen.',
  ],
  [
    "a fault that the target's noise hides",
    {
      plan: withFault,
      events: [{ atMs: 25_000, type: 'fault', id: 'kill', step: 'hidden', evidence: 'probes took 5 and 300 ms' }],
    },
    'invalid',
    2,
    "Fault kill could not be told from the target's own noise: probes took 5 and 300 ms.",
  ],
  ['a fault that was never injected', { plan: withFault }, 'invalid', 2, 'Fault kill was never injected.'],
  [
    'a fault without observed recovery',
    { plan: withFault, events: killed(20_100, null) },
    'invalid',
    2,
    'Recovery from fault kill was not observed: not-healed seen.',
  ],
  [
    'a fault that failed',
    {
      plan: withFault,
      events: [{ atMs: 20_000, type: 'fault', id: 'kill', step: 'failed', evidence: 'no such process' }],
    },
    'invalid',
    2,
    'Fault kill failed: no such process.',
  ],
  [
    'a late generator',
    { load: (_, i) => ({ lateMs: i % 50 === 0 ? 120 : 0 }) },
    'invalid',
    2,
    'P99 send lateness 120 ms exceeds the limit of 100 ms.',
  ],
  [
    'many dropped arrivals',
    { load: (_, i) => (i % 50 === 0 ? { outcome: 'dropped' } : {}) },
    'invalid',
    2,
    '12 of 600 arrivals (2%)',
  ],
  [
    'missing records',
    { plan: { arrivals: { count: 700, sha256: '' } } },
    'invalid',
    2,
    '80 of 700 arrivals left no record',
  ],
  [
    'a missing request of a closed loop',
    { plan: { arrivals: null }, without: 300 },
    'invalid',
    2,
    '1 of 620 requests left no record',
  ],
  ['a closed loop with all its requests', { plan: { arrivals: null } }, 'pass', 0, ''],
  [
    'missing requests that the generator had started',
    { events: [loadEvent(640)] },
    'invalid',
    2,
    '20 of 640 requests left no record',
  ],
  [
    'later turns in place of arrivals',
    { plan: { arrivals: { count: 620, sha256: '' } }, load: (_, i) => (i % 2 === 1 ? { turn: 1 } : {}) },
    'invalid',
    2,
    '310 of 620 arrivals left no record',
  ],
  ['an interruption with all SLOs met', { events: [INTERRUPTED] }, 'inconclusive', 130, 'interrupted by SIGINT'],
  [
    'an interruption with an SLO missed',
    { events: [INTERRUPTED], plan: { slos: [BROKEN] } },
    'inconclusive',
    130,
    'SIGINT',
  ],
  [
    'an interruption with a fault in effect',
    { events: [...killed(20_100, null), INTERRUPTED], plan: withFault },
    'invalid',
    130,
    'Recovery from fault kill was not observed',
  ],
  [
    'an interruption before the fault',
    { events: [{ ...INTERRUPTED, atMs: 9000 }], plan: withFault },
    'inconclusive',
    130,
    'SIGINT',
  ],
  [
    'an interruption after a fault without observable effect',
    { events: [...killed(null), INTERRUPTED], plan: withFault },
    'invalid',
    130,
    'no observable effect',
  ],
  ['a crash', { events: [CRASHED] }, 'invalid', 4, 'The run crashed: the generator died.'],
])('%s', (_, input, verdict, exitCode, reason) => {
  const document = documentOf(input);
  expect({ verdict: document.verdict, exitCode: document.exitCode }).toEqual({ verdict, exitCode });
  expect(document.reasons.join('\n')).toContain(reason);
  expect(document.interrupted).toBe(exitCode === 130);
});

test('the limits of the generator are inclusive', () => {
  // P99 of 600 is the 594th: six later ones are beyond it. 1 % of 600 is six dropped.
  expect(documentOf({ load: ms => ({ lateMs: 100, latencyMs: ms < 0 ? 50 : 500 }) }).verdict).toBe('pass');
  const six = documentOf({ load: ms => (ms >= 0 && ms < 600 ? { outcome: 'dropped' } : {}) });
  expect(six).toMatchObject({ verdict: 'pass', load: { dropped: 6, offered: 600, sent: 594 } });
});

test('a killed harness leaves an invalid run with all recorded figures', () => {
  const whole = historyOf(planOf(withFault), ...killed());
  const document = judge({ events: whole.slice(0, 5), records: steadyLoad().slice(0, 200) }).document;
  expect(document).toMatchObject({ verdict: 'invalid', exitCode: 2, load: { offered: 180 } });
  expect(document.reasons[0]).toContain('the harness was killed');
});

test('a history with a truncated last line is judged as far as it goes', () => {
  const directory = mkdtempSync(join(tmpdir(), 'squall-judge-'));
  try {
    const path = join(directory, 'events.ndjson');
    const lines = historyOf(planOf()).map(event => JSON.stringify({ ...event, atMs: event.atMs + 5000 }));
    writeFileSync(path, lines.join('\n').slice(0, -10));
    const document = judge({ events: readHistory(path), records: steadyLoad() }).document;
    expect(document).toMatchObject({ verdict: 'invalid', id: 'run-1' });
    expect(document.reasons[0]).toContain('killed');
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('a history without its plan cannot be judged', () => {
  expect(() => judge({ events: [], records: [] })).toThrow(expect.objectContaining({ code: 'NO_PLAN' }));
});

test('counts exclude the warm-up', () => {
  const failedWarmUp = documentOf({ load: ms => (ms < 0 ? { outcome: 'connection-refused' } : {}) });
  expect(failedWarmUp.load).toMatchObject({ offered: 600, sent: 600, completed: 600, failed: 0, lateMsP99: 0 });
  expect(failedWarmUp.windows.map(window => window.name)).toEqual(['baseline', 'load:steady', 'whole']);
  expect(failedWarmUp.windows.at(-1)).toMatchObject({ requests: 600, failed: 0 });
});

test('requests are counted by the upstream that served them, as far as responses name one', () => {
  const plan = planOf();
  const served = (upstream: (index: number) => string) => {
    const records = steadyLoad((_, index) => (index % 4 === 3 ? { outcome: 'http-status', status: 503 } : {}));
    const named = records.map((record, index) => ({ ...record, upstream: upstream(index) }));
    return judge({ events: historyOf(plan), records: named });
  };
  const input = served(index => ['a', 'b', '', 'b'][index % 4]!);
  // Two tokens of each request that has them, over 60 s.
  const [outputTokensPerSecond, latencyMs] = [expect.closeTo(5, 1), { p99: 500 }];
  expect(input.document.upstreams).toMatchObject([
    { name: 'b', requests: 300, failed: 150, ttftMs: { p50: 100 }, latencyMs, outputTokensPerSecond },
    { name: 'a', requests: 150, failed: 0, outputTokensPerSecond },
  ]);
  for (const render of [renderMarkdown, renderHtml]) expect(render(input)).toContain('b 300 (150 failed), a 150');
  expect(served(() => '').document).not.toHaveProperty('upstreams');
  // A header with a request id is no name of an upstream.
  expect(served(index => `id-${index}`).document.upstreams).toHaveLength(20);
});

test('errors are counted by kind, HTTP failures by status', () => {
  const load = (ms: number): RequestChanges =>
    ms === 100 ? { outcome: 'http-status', status: 503 } : ms === 200 || ms === 300 ? { outcome: 'reset' } : {};
  expect(documentOf({ load }).windows.at(-1)).toMatchObject({ failed: 3, errors: { 'http-503': 1, reset: 2 } });
});

test('where clients retry, attempts are counted as attempts and requests stay requests', () => {
  // One request a second is sent three times: at once, after 300 ms, and in the next second.
  const load = (ms: number): RequestChanges =>
    ms % 1000 === 0
      ? { attempts: 3, attemptsMs: [ms, ms + 10, ms + 300, ms + 310, ms + 1300, ms + 1310] }
      : { attempts: 1 };
  const { document, timeline } = judge({ events: historyOf(planOf()), records: steadyLoad(load) });
  expect(document.load).toMatchObject({ offered: 600, sent: 600, completed: 600, attempts: 720 });
  expect(document.windows.at(-1)).toMatchObject({ requests: 600, attempts: 720 });
  expect(timeline.offered.slice(0, 3)).toEqual([10, 10, 10]);
  // The last retry of the last second of the warm-up falls into the first second of the load.
  expect(timeline.attempts!.slice(0, 3)).toEqual([12, 12, 12]);
  const plain = judge({ events: historyOf(planOf()), records: steadyLoad() });
  expect(plain.timeline.attempts).toBeUndefined();
  expect(plain.document.load).not.toHaveProperty('attempts');
  expect(plain.document.load).not.toHaveProperty('abandoned');
});

test('the timeline holds one slot a second, by scheduled arrival', () => {
  const replica = (atMs: number, name: string, state: 'ready' | 'exited'): TimedEvent => ({
    atMs,
    type: 'replica',
    replica: name,
    service: 'inference',
    state,
  });
  const events = historyOf(
    planOf(),
    replica(-100, 'inference-1', 'ready'),
    replica(-50, 'inference-2', 'ready'),
    replica(1500, 'inference-2', 'exited'),
  );
  const load = (ms: number): RequestChanges => (ms >= 2000 && ms < 3000 ? { outcome: 'reset' } : {});
  const { timeline } = judge({ events, records: steadyLoad(load) });
  expect(timeline.offered).toEqual(new Array(60).fill(10));
  expect(timeline.sent).toEqual(new Array(60).fill(10));
  // What completes does so half a second after its arrival.
  expect(timeline.completed.slice(0, 5)).toEqual([10, 10, 5, 5, 10]);
  expect(timeline.inFlight.slice(0, 3)).toEqual([5, 5, 5]);
  expect(timeline.failures).toEqual(Array.from({ length: 10 }, (_, i) => ({ atMs: 2000 + 100 * i, kind: 'reset' })));
  expect(timeline.ttftP99Ms.slice(0, 4)).toEqual([100, 100, null, 100]);
  expect(timeline.ready.inference!.slice(0, 3)).toEqual([2, 1, 1]);
});

test('the same input gives the same bytes, whatever the order of the records', () => {
  const events = historyOf(planOf(withFault), ...killed());
  const records = steadyLoad((_, i) => (i % 97 === 0 ? { outcome: 'reset' } : { ttftMs: 50 + (i % 7) }));
  const once = JSON.stringify(judge({ events, records, artifacts: { html: 'report.html' } }));
  expect(JSON.stringify(judge({ events, records: records.toReversed(), artifacts: { html: 'report.html' } }))).toBe(
    once,
  );
});

test('the document includes the course of an attack from its last event', () => {
  const points = [{ atMs: 0, open: 3, closed: 0, rejected: 0, served: 0 }];
  const events = killed().map(event =>
    event.type === 'fault' && event.step === 'healed'
      ? { ...event, requests: { ended: 1, rejected: 0, points } }
      : event,
  );
  expect(documentOf({ plan: withFault, events }).faults[0]!.attack).toEqual(points);
  expect(documentOf({ plan: withFault, events: killed() }).faults[0]).not.toHaveProperty('attack');
});

test('the command that repeats a run pins the versions of a stack that came up, and nothing before', () => {
  const versions: TimedEvent = { atMs: -4000, type: 'versions', versions: { node: 'v24.1.0', nginx: '1.22.1 (PATH)' } };
  expect(documentOf({}).replay).toBe('npx squall run example --seed 1');
  expect(documentOf({ events: [versions] }).replay).toBe(
    'npx squall run example --seed 1 --versions nginx=1.22.1,node=24.1.0',
  );
});
