import { expect, test } from 'vitest';
import type { TimedEvent } from '../../../../harness/history.ts';
import { seededRandom } from '../../../../harness/random.ts';
import { mostWithin, turnsOf } from '../../../../reports/judge/elasticity/oscillations.ts';
import { integral, neededLevels } from '../../../../reports/judge/elasticity/provision.ts';
import { type Case, DRAIN_MS, judged, scriptedFacts } from './scripted.ts';

const records = scriptedFacts().records;
/** Records of which those sent in the last 300 ms before the drain fail, by this upstream. */
function losing(upstream: string): Case {
  const lost = records.map(record =>
    record.scheduledMs >= DRAIN_MS - 300 && record.scheduledMs < DRAIN_MS
      ? { ...record, upstream, outcome: 'truncated' as const }
      : record,
  );
  return { records: lost };
}

const scale = (atMs: number, from: number, to: number): TimedEvent => ({
  ...{ type: 'scale', deployment: 'inference', from, to, reason: '', atMs },
});
/** A replica of the script that never was. */
const without4 = (event: TimedEvent) =>
  event.type === 'scale' || (event.type === 'replica' && event.replica === 'inference-4');

test('a request that fails on a replica that is scaled down is lost; on another, or at another time, it is not', () => {
  expect(judged('lost(drain) <= 0')).toMatchObject({ verdict: 'pass', measured: 0, samples: 1 });
  expect(judged('lost(drain) <= 0', losing('inference-4'))).toMatchObject({ verdict: 'fail', measured: 3 });
  expect(judged('lost(drain) <= 0', losing('inference-1'))).toMatchObject({ verdict: 'pass' });
  const earlier = records.map(record =>
    record.scheduledMs > 150_000 && record.scheduledMs < 151_000 ? { ...record, outcome: 'reset' as const } : record,
  );
  expect(judged('lost(drain) <= 0', { records: earlier })).toMatchObject({ verdict: 'pass' });
});

test('replicas that end are those that the change names, and those that lose their place on a node', () => {
  const isDown = (event: TimedEvent) => event.type === 'scale' && event.to < event.from;
  const stopped: TimedEvent = {
    ...{ type: 'replica', replica: 'inference-2', service: 'inference', state: 'stopped', atMs: DRAIN_MS + 500 },
  };
  const named: TimedEvent = {
    ...{
      type: 'scale',
      deployment: 'inference',
      from: 4,
      to: 3,
      reason: '',
      replicas: ['inference-2'],
      atMs: DRAIN_MS,
    },
  };
  const evicted: TimedEvent = {
    ...{ type: 'placement', replica: 'inference-2', service: 'inference', state: 'evicted', node: 'spot-1', gpus: 1 },
    ...{ reason: 'its node was taken', atMs: DRAIN_MS },
  };
  for (const cause of [named, evicted]) {
    const script = { without: isDown, extra: [cause, stopped] };
    expect(judged('lost(drain) <= 0', { ...losing('inference-2'), ...script })).toMatchObject({
      verdict: 'fail',
      measured: 3,
      samples: 1,
    });
    expect(judged('lost(drain) <= 0', { ...losing('inference-4'), ...script })).toMatchObject({ measured: 0 });
  }
});

test('a failure during a drain that names no replica, or only that of its last attempt, leaves the objective undecided', () => {
  expect(judged('lost(drain) <= 0', losing(''))).toMatchObject({
    verdict: 'inconclusive',
    confidence: { lower: 0, upper: 3 },
  });
  const retried = losing('inference-1').records!.map(record => ({ ...record, attempts: 2 }));
  expect(judged('lost(drain) <= 0', { records: retried })).toMatchObject({
    verdict: 'inconclusive',
    confidence: { lower: 0, upper: 3 },
  });
});

test('without a drain, or without responses that name the replica, nothing is shown about drains', () => {
  expect(judged('lost(drain) <= 0', { without: without4 })).toMatchObject({ verdict: 'inconclusive' });
  const unnamed = records.map(record => ({ ...record, upstream: '' }));
  expect(judged('lost(drain) <= 0', { records: unnamed })).toMatchObject({ verdict: 'inconclusive' });
});

test('scaling that turns again and again within the window fails', () => {
  // Up at 90 s and down at 255 s by the script: one turn.
  expect(judged('oscillations(window 4m) <= 1')).toMatchObject({ verdict: 'pass', measured: 1 });
  const flapping = { extra: [100, 110, 120, 130].map((s, i) => scale(s * 1000, 3 + (i % 2), 4 - (i % 2))) };
  const without = (event: TimedEvent) => event.type === 'scale' && event.reason !== '';
  expect(judged('oscillations(window 4m) <= 1', { ...flapping, without })).toMatchObject({
    verdict: 'fail',
    measured: 3,
  });
  expect(judged('oscillations(window 15s) <= 2', { ...flapping, without })).toMatchObject({
    verdict: 'pass',
    measured: 2,
  });
});

test('a run shorter than the window does not show that scaling is calm; in production time it may be long enough', () => {
  expect(judged('oscillations(window 10m) <= 1')).toMatchObject({ verdict: 'inconclusive' });
  expect(judged('oscillations(window 10m) <= 1', { plan: { timeScale: 2 } })).toMatchObject({ verdict: 'pass' });
  expect(judged('oscillations(window 10m) <= 1', { plan: { platform: 'external' } })).toMatchObject({
    verdict: 'inconclusive',
  });
});

test('turns are found as a slow count finds them', () => {
  const random = seededRandom(11);
  for (let round = 0; round < 200; round += 1) {
    const instants = Array.from({ length: random.integer(0, 12) }, () => random.next() * 100).sort((a, b) => a - b);
    const windowMs = random.next() * 50;
    const slow = Math.max(
      0,
      ...instants.map(start => instants.filter(at => at >= start && at - start <= windowMs).length),
    );
    expect(mostWithin(instants, windowMs)).toBe(slow);
  }
  const change = (atMs: number, from: number, to: number) => ({ atMs, from, to });
  expect(turnsOf([change(1, 3, 4), change(2, 4, 6), change(3, 6, 5), change(4, 5, 4), change(5, 4, 8)])).toEqual([
    3, 5,
  ]);
});

// Needed by the script at 10/s a replica: 1 for 60 s, 4 for 180 s, 1 for 60 s, which are 840 replica-seconds. There are 3, and 4 ready
// from 120.04 s and existing from 90.04 s to 255.5 s. Below: 60.04 s. Above: 2·60 + 3·15.5 + 2·44.5 s.
test('the area between what the load needed and what there was', () => {
  expect(judged('underprovisioned(10/s) <= 61 s')).toMatchObject({ verdict: 'pass', measured: 60_040, unit: 'ms' });
  expect(judged('underprovisioned(10/s) <= 60 s')).toMatchObject({ verdict: 'fail' });
  expect(judged('underprovisioned(10/s) <= 8%').measured).toBeCloseTo(100 * (60.04 / 840), 2);
  expect(judged('overprovisioned(10/s) <= 256 s')).toMatchObject({ verdict: 'pass', measured: 255_500 });
  expect(judged('overprovisioned(10/s) <= 30%')).toMatchObject({ verdict: 'fail' });
  // Nothing was scaled: one replica is missing for the whole peak.
  expect(judged('underprovisioned(10/s) <= 61 s', { without: without4 })).toMatchObject({
    verdict: 'fail',
    measured: 180_000,
  });
  expect(judged('underprovisioned(10/s) <= 601 s', { plan: { timeScale: 10 } })).toMatchObject({ measured: 600_400 });
});

test('the need of a ramp rises where the rate crosses a multiple of the capacity, and falls there', () => {
  const ramp = (fromPerSecond: number, toPerSecond: number) => ({
    name: 'r',
    fromMs: 0,
    toMs: 100,
    fromPerSecond,
    toPerSecond,
  });
  const counts = (from: number, to: number) =>
    neededLevels([ramp(from, to)], 10, 0, 100).map(({ fromMs, count }) => [fromMs, count]);
  expect(counts(0, 25)).toEqual([
    [0, 1],
    [40, 2],
    [80, 3],
  ]);
  expect(counts(25, 0)).toEqual([
    [0, 3],
    [20, 2],
    [60, 1],
  ]);
  expect(counts(20, 20)).toEqual([[0, 2]]);
  const level = (fromMs: number, toMs: number, count: number) => ({ fromMs, toMs, count });
  expect(integral([level(0, 1000, 2)], [level(0, 500, 1), level(500, 1000, 5)], (a, b) => a * b)).toBe(6);
});

// 3 replicas for 300 s and one for 165.46 s, at 3.6 $/h, which is 0.001 $ a second: 1.06546 $ for 3,000 requests.
test('the cost of requests and tokens', () => {
  expect(judged('cost(1000 requests) <= 0.36 $')).toMatchObject({ verdict: 'pass', unit: '$', measured: 0.355 });
  expect(judged('cost(1000 requests) <= 0.35 $')).toMatchObject({ verdict: 'fail' });
  expect(judged('cost(1k requests) <= $0.36')).toMatchObject({ verdict: 'pass' });
  // One token of the prompt and two of the output, each.
  expect(judged('cost(1k tokens) <= 1 $').measured).toBeCloseTo(1.06546 / 9, 3);
  expect(judged('cost(1k output-tokens) <= 1 $').measured).toBeCloseTo(1.06546 / 6, 3);
});

test('failures make what completed dearer; without a price, or anything that completed, there is no cost', () => {
  const failing = records.map((record, index) => (index % 2 ? { ...record, outcome: 'reset' as const } : record));
  expect(judged('cost(1000 requests) <= 0.36 $', { records: failing })).toMatchObject({
    verdict: 'fail',
    measured: 0.71,
  });
  expect(judged('cost(1000 requests) <= 9 $', { plan: { stack: {} } })).toMatchObject({ verdict: 'inconclusive' });
  const none = records.map(record => ({ ...record, outcome: 'reset' as const }));
  expect(judged('cost(1000 requests) <= 9 $', { records: none })).toMatchObject({ verdict: 'inconclusive' });
});

test('nodes cost from their boot until they are taken, at the price of their pool', () => {
  const node = (name: string, state: 'booting' | 'ready' | 'notice' | 'taken', atMs: number): TimedEvent => ({
    ...{ type: 'node', node: name, pool: 'gpu', zone: 'a', state, pricePerHour: 36, gpus: 1, reason: '', atMs },
  });
  const extra = [
    node('a', 'ready', -1000),
    node('b', 'booting', 100_000),
    node('b', 'ready', 150_000),
    node('b', 'notice', 180_000),
    node('b', 'taken', 200_000),
  ];
  // 300 s and 100 s at 0.01 $ a second: 4 $ for 3,000 requests.
  expect(judged('cost(1000 requests) <= 2 $', { extra })).toMatchObject({ measured: 1.333, verdict: 'pass' });
});

test.each([
  'lost(drain) <= 0',
  'oscillations(window 1m) <= 9',
  'underprovisioned(1/s) <= 1h',
  'cost(1 requests) <= 9 $',
])('an empty window does not pass: %s', text => {
  expect(judged(text, { records: [] })).toMatchObject({ verdict: 'inconclusive' });
});
