import { expect, test } from 'vitest';
import type { TimedEvent } from '../../../harness/history.ts';
import type { Readings } from '../../../harness/metrics.ts';
import { MIN_ROUNDS } from '../../../reports/judge/checks/gauge.ts';
import { MIN_READINGS } from '../../../reports/judge/checks/growth.ts';
import { eventRows } from '../../../reports/judge/event-rows.ts';
import { timelineOf } from '../../../reports/judge/figures/timeline.ts';
import { factsOf } from '../../../reports/judge/fold.ts';
import { judgeSlo } from '../../../reports/judge/slo.ts';
import type { SloResult } from '../../../reports/store/run-document.ts';
import { historyOf, planOf, steadyLoad } from '../runs.ts';

type Source = (second: number) => Readings | null;

/** A round of samples in the middle of every second; null is a replica that does not respond. */
function rounds(replicas: Readonly<Record<string, Source>>, seconds = 60): TimedEvent[] {
  return Array.from({ length: seconds }, (_, second) => {
    const seenMs = second * 1000 + 500;
    const samples = Object.entries(replicas).map(([name, of]) => [name, of(second)] as const);
    const readings = Object.fromEntries(samples.filter(([, one]) => one !== null)) as Record<string, Readings>;
    return { atMs: seenMs + 4, type: 'sample', seenMs, readings };
  });
}

function state(replica: string, atMs: number, to: 'ready' | 'exited'): TimedEvent {
  return { atMs, type: 'replica', replica, service: 'inference', state: to };
}

function judged(objective: string, events: readonly TimedEvent[], window = 'whole'): SloResult {
  const plan = planOf();
  return judgeSlo({ name: 'slo', window, objective }, factsOf(plan, historyOf(plan, ...events), steadyLoad()));
}

const healthy: Source = second => ({
  queue: second % 4,
  running: 9,
  inFlight: 5,
  kvRatio: 0.5,
  gpuPercent: 80,
  gpuUsedMiB: 40,
  gpuFreeMiB: 60,
  memoryMiB: 100 + (second % 7) * 0.1,
});
const breaks = (broken: Readings) => (second: number) =>
  second === 33 ? { ...healthy(second), ...broken } : healthy(second);

// One reading of one replica over the limit is enough: a gauge sampled once a second is a lower bound of the true maximum.
test.each<[string, Readings, number]>([
  ['max(queue) <= 10', { queue: 11 }, 11],
  ['max(running) <= 16', { running: 17 }, 17],
  ['max(in-flight) < 100', { inFlight: 100 }, 100],
  ['max(kv-cache) <= 95%', { kvRatio: 0.96 }, 96],
  ['max(gpu) < 95%', { gpuPercent: 95 }, 95],
  ['max(gpu-memory) <= 90%', { gpuUsedMiB: 91, gpuFreeMiB: 9 }, 91],
])('%s passes on healthy replicas and fails on one bad reading', (objective, broken, measured) => {
  const good = judged(objective, rounds({ 'inference-1': healthy, 'inference-2': healthy }));
  expect(good).toMatchObject({
    verdict: 'pass',
    samples: 120,
    confidence: { lower: good.measured, upper: good.measured },
  });
  expect(good.reason).toContain('values between two readings are unknown');
  const bad = judged(objective, rounds({ 'inference-1': healthy, 'inference-2': breaks(broken) }));
  expect(bad).toMatchObject({ verdict: 'fail', measured });
  expect(bad.reason).toMatch(/\(inference-2\), [\d.]+%?, misses the limit of [\d.]+%?\.$/);
});

test('a mean is that of all readings, and is judged in both directions', () => {
  // 80 % and 40 %, for 60 s each.
  const idle: Source = second => ({ ...healthy(second), gpuPercent: 40 });
  const two = rounds({ 'inference-1': healthy, 'inference-2': idle });
  expect(judged('mean(gpu) <= 60%', two)).toMatchObject({ verdict: 'pass', measured: 60, samples: 120 });
  expect(judged('mean(gpu) >= 60%', two).verdict).toBe('pass');
  expect(judged('mean(gpu) <= 59.9%', two).verdict).toBe('fail');
  expect(judged('mean(gpu) >= 60.1%', two).verdict).toBe('fail');
  const late = [state('inference-2', 0, 'exited'), state('inference-2', 30_000, 'ready'), ...two];
  // The second replica for the last half only: 60 × 80 % and 30 × 40 %, 66.7 %.
  expect(judged('mean(gpu) >= 66%', late).verdict).toBe('pass');
  expect(judged('mean(gpu) <= 67%', late).verdict).toBe('pass');
  expect(judged('mean(queue) <= 5', []).verdict).toBe('inconclusive');
  expect(judged('mean(gpu) <= 90%', rounds({ a: healthy }, MIN_ROUNDS - 1)).verdict).toBe('inconclusive');
});

test('a gauge is judged in its own window', () => {
  const plan = planOf();
  const early = { name: 'early', fromMs: 0, toMs: 20_000, fromPerSecond: 10, toPerSecond: 10 };
  const late = { ...early, name: 'late', fromMs: 20_000, toMs: 60_000 };
  const load = { ...plan.load, ramps: [early, late] };
  const events = historyOf({ ...plan, load }, ...rounds({ 'inference-1': breaks({ queue: 99 }) }));
  const facts = factsOf({ ...plan, load }, events, steadyLoad());
  const verdict = (window: string) => judgeSlo({ name: 's', window, objective: 'max(queue) <= 10' }, facts).verdict;
  expect([verdict('load:early'), verdict('load:late')]).toEqual(['pass', 'fail']);
});

test('without enough samples nothing passes, but a miss still fails', () => {
  expect(judged('max(queue) <= 10', [])).toMatchObject({ verdict: 'inconclusive', measured: null, samples: 0 });
  expect(judged('max(queue) <= 10', rounds({ 'gateway-1': () => ({ inFlight: 1 }) }))).toMatchObject({
    measured: null,
  });
  expect(judged('max(queue) <= 10', rounds({ a: healthy }, MIN_ROUNDS)).verdict).toBe('pass');
  const few = judged('max(queue) <= 10', rounds({ a: healthy }, MIN_ROUNDS - 1));
  expect(few).toMatchObject({ verdict: 'inconclusive', measured: 3 });
  expect(few.reason).toContain('the window has only 4 rounds of samples; the minimum is 5');
  expect(judged('max(queue) <= 2', rounds({ a: healthy }, 4)).verdict).toBe('fail');
});

// A queue that is long because its replica hangs is not seen. Of 60 rounds, 6 (10 %) may be silent.
test('a ready replica that does not respond prevents a pass; one that is down does not', () => {
  const silent =
    (rounds: number): Source =>
    second =>
      second >= 20 && second < 20 + rounds ? null : healthy(second);
  expect(judged('max(queue) <= 10', rounds({ a: healthy, b: silent(6) })).verdict).toBe('pass');
  const hung = judged('max(queue) <= 10', rounds({ a: healthy, b: silent(7) }));
  expect(hung).toMatchObject({ verdict: 'inconclusive' });
  expect(hung.reason).toContain('b reported nothing in 7 of 60 rounds in which it was ready');
  const life = [state('b', -1000, 'ready'), state('b', 20_000, 'exited'), state('b', 30_000, 'ready')];
  expect(judged('max(queue) <= 10', [...life, ...rounds({ a: healthy, b: silent(10) })]).verdict).toBe('pass');
});

// The round at 20.5 s is recorded 4 ms later; a replica that exits in between could not have answered. Of ten rounds one may
// be silent: the one at 22.5 s is, and a replica that was ready through 20.5 s has two.
test('a round in which a replica exits does not count for it', () => {
  const dies: Source = second => (second >= 20 && second < 23 ? null : healthy(second));
  const window = rounds({ a: healthy, b: dies }, 30).slice(14);
  const judge = (exitMs: number) => {
    const life = [state('b', -1000, 'ready'), state('b', exitMs, 'exited'), state('b', 22_000, 'ready')];
    return judged('max(queue) <= 10', [...life, ...window]);
  };
  expect(judge(20_502).verdict).toBe('pass');
  expect(judge(20_600)).toMatchObject({
    verdict: 'inconclusive',
    reason: expect.stringContaining('in 2 of 15 rounds'),
  });
});

const leaking =
  (perSecond: number): Source =>
  second => ({ memoryMiB: 100 + second * perSecond + (second % 5) * 0.2 });

// Medians of the quarters lie 45 s apart: 1 MiB/s makes some 45 MiB on some 107, 0.05 MiB/s some 2 %.
test('growth(memory) fails on a leak and passes on constant memory', () => {
  const bad = judged('growth(memory) <= 10%', rounds({ 'gateway-1': leaking(0.05), 'gateway-2': leaking(1) }));
  expect(bad).toMatchObject({ verdict: 'fail', unit: '%', samples: 60 });
  expect(bad.measured).toBeCloseTo(42, 0);
  expect(bad.reason).toContain('gateway-2 grew most, from');
  const good = judged('growth(memory) <= 10%', rounds({ 'gateway-1': leaking(0.05), 'gateway-2': leaking(0) }));
  expect(good).toMatchObject({ verdict: 'pass' });
  expect(good.confidence.lower).toBeLessThan(good.measured!);
  expect(good.confidence.upper).toBeGreaterThan(good.measured!);
});

test('growth close to its limit is inconclusive', () => {
  // Growth 9.9 % by the medians, readings ± 1 MiB around them: the interval holds 10 %.
  const source: Source = second => ({ memoryMiB: (second < 30 ? 100 : 109.9) + (((second * 7) % 11) - 5) / 5 });
  expect(judged('growth(memory) <= 10%', rounds({ 'gateway-1': source })).verdict).toBe('inconclusive');
});

test('growth needs enough readings without a restart, and uses the longest such series', () => {
  expect(judged('growth(memory) <= 10%', [])).toMatchObject({ verdict: 'inconclusive', measured: null });
  const few = judged('growth(memory) <= 10%', rounds({ a: leaking(0) }, MIN_READINGS - 1));
  expect(few).toMatchObject({ verdict: 'inconclusive', measured: null, samples: 23 });
  expect(judged('growth(memory) <= 10%', rounds({ a: leaking(0) }, MIN_READINGS)).verdict).toBe('pass');
  // Leaks until it is restarted at 30 s, and again: without the split the two halves look alike.
  const source: Source = second => ({ memoryMiB: 100 + (second % 30) * 3 });
  const life = [state('a', -1000, 'ready'), state('a', 29_900, 'exited'), state('a', 30_000, 'ready')];
  expect(judged('growth(memory) <= 10%', [...life, ...rounds({ a: source })])).toMatchObject({ verdict: 'fail' });
  const often = [10, 20, 30, 40, 50].flatMap(s => [state('a', s * 1000 - 50, 'exited'), state('a', s * 1000, 'ready')]);
  const restless = judged('growth(memory) <= 10%', [state('a', -1, 'ready'), ...often, ...rounds({ a: leaking(0) })]);
  expect(restless).toMatchObject({ verdict: 'inconclusive', measured: null });
  expect(restless.reason).toContain('a has only 10 readings without a restart');
});

test('growth does not pass where a replica ended for its memory, however little it grew between restarts', () => {
  const died = {
    ...state('a', 29_900, 'exited'),
    detail: 'OOM, killed at its limit of 64 MiB (SIGKILL)',
  } as TimedEvent;
  const life = [state('a', -1000, 'ready'), died, state('a', 30_000, 'ready')];
  const found = judged('growth(memory) <= 10%', [...life, ...rounds({ a: leaking(0) })]);
  expect(found).toMatchObject({
    verdict: 'inconclusive',
    reason: expect.stringContaining('a was ended for its memory'),
  });
});

test('the timeline includes the gauges of the engines only where there are samples', () => {
  const events = rounds({
    'inference-1': second => ({ ...healthy(second), queue: 5, kvRatio: 0.25 }),
    'inference-2': second => (second === 3 ? null : { ...healthy(second), queue: 9 }),
    'gateway-1': () => ({ inFlight: 44, memoryMiB: 70 }),
  });
  const { metrics } = timelineOf([], events, 5000);
  expect(metrics).toMatchObject({
    maxWaiting: [9, 9, 9, 5, 9],
    waiting: [14, 14, 14, 5, 14],
    running: [18, 18, 18, 9, 18],
    kvCachePercent: [50, 50, 50, 25, 50],
    gpuMemoryPercent: [40, 40, 40, 40, 40],
  });
  // A slot without a round has no sample; two rounds in a slot make the larger of both.
  const gap = timelineOf([], events.slice(1), 2000).metrics;
  expect(gap?.waiting).toEqual([null, 14]);
  expect(timelineOf([], events, 5000, 2500).metrics?.waiting).toEqual([14, 14]);
  expect(timelineOf([], [], 5000)).not.toHaveProperty('metrics');
  // What is in flight at a gateway is the same requests, so it is shown only where no engine is sampled.
  expect(metrics).not.toHaveProperty('inFlight');
  expect(timelineOf([], rounds({ 'gateway-1': () => ({ inFlight: 4 }) }), 5000).metrics?.inFlight?.[2]).toBe(4);
});

/** Two engines that count 1000 prompt tokens a second each, of which a quarter and half are cached; one restarts at 30 s. */
const caching = () =>
  rounds({
    a: second => ({ cacheQueries: 1000 * second, cacheHits: 250 * second }),
    b: second => ({ cacheQueries: 1000 * (second % 30), cacheHits: 500 * (second % 30) }),
    c: () => ({ queue: 1 }),
  });

test('prefix cache hits are counted over a window, over all engines and their restarts', () => {
  const found = judged('hits(prefix-cache) <= 40%', caching());
  expect(found).toMatchObject({
    verdict: 'pass',
    unit: '%',
    reason: expect.stringMatching(
      /^The share of prompt tokens from prefix caches \(\d+ of \d+\), [\d.]+%, meets the limit/,
    ),
  });
  expect(found.measured).toBeCloseTo(37.5, 0);
  expect(judged('hits(prefix-cache) <= 30%', caching()).verdict).toBe('fail');
  expect(judged('hits(prefix-cache) >= 30%', caching()).verdict).toBe('pass');
  expect(judged('hits(prefix-cache) >= 40%', caching()).verdict).toBe('fail');
});

test('prefix cache hits that no engine counts decide nothing', () => {
  expect(judged('hits(prefix-cache) <= 40%', rounds({ a: healthy }))).toMatchObject({
    verdict: 'inconclusive',
    reason: expect.stringContaining('over the run queue, running, in-flight, kv-cache'),
  });
  // No prompt in the window: a ratio of nothing.
  expect(judged('hits(prefix-cache) <= 40%', rounds({ a: () => ({ cacheQueries: 5, cacheHits: 1 }) })).verdict).toBe(
    'inconclusive',
  );
});

test('hits of response caches are counted over all gateways', () => {
  const gateways = (hits: number) =>
    rounds({
      a: second => ({ responseQueries: 100 * second, responseHits: hits * second }),
      b: second => ({ responseQueries: 100 * second, responseHits: 98 * second, cacheQueries: second, cacheHits: 0 }),
    });
  const found = judged('hits(response-cache) >= 95%', gateways(94));
  expect(found).toMatchObject({
    verdict: 'pass',
    unit: '%',
    reason: expect.stringMatching(/^The share of requests served from the cache \(\d+ of \d+\), [\d.]+%, meets/),
  });
  expect(found.measured).toBeCloseTo(96, 5);
  expect(judged('hits(response-cache) >= 95%', gateways(90)).verdict).toBe('fail');
  expect(judged('hits(response-cache) >= 95%', gateways(0)).measured).toBeCloseTo(49, 5);
  expect(judged('hits(response-cache) >= 95%', caching()).verdict).toBe('inconclusive');
  expect(judged('hits(responses) >= 95%', caching()).reason).toMatch(/response-cache/);
});

test('the timeline shows the share of cached prompt tokens of each slot', () => {
  const { metrics } = timelineOf([], caching(), 5000);
  expect(metrics?.cacheHitPercent).toEqual([null, 37.5, 37.5, 37.5, 37.5]);
  const computed = timelineOf([], rounds({ a: () => ({ queue: 0, cacheHitRatio: 0.25 }) }), 2000).metrics;
  expect(computed?.cacheHitPercent).toEqual([25, 25]);
});

test('the event log does not list samples', () => {
  expect(eventRows(rounds({ a: healthy }))).toEqual([]);
});
