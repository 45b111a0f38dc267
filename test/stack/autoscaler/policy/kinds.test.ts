import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../harness/random.ts';
import { decisionsOf, inputOf, policyOf } from './fixtures.ts';

type Options = Parameters<typeof policyOf>[0];
const run = (options: Options, name: string, values: readonly (number | undefined)[], first: number, everyMs: number) =>
  decisionsOf(
    policyOf(options),
    values.map(value => ({ metrics: { [name]: value } })),
    first,
    everyMs,
  );
const replicas = (...args: Parameters<typeof run>) => run(...args).map(each => each.replicas);
const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

describe('knative', () => {
  const options = { kind: 'knative', minReplicas: 0, target: 10, targetUtilization: 1, stableWindowMs: 60_000 };

  it('follows the mean of its stable window, down at most by half at a time', () => {
    // 20, then 30: the mean of six decisions 10 s apart exceeds 20 at once, and 30 not at all.
    expect(replicas(options, 'concurrency', [...times(6, 20), 30, 30, 30], 2, 10_000)).toEqual([
      ...times(6, 2),
      3,
      3,
      3,
    ]);
    expect(replicas({ ...options, minReplicas: 1 }, 'concurrency', times(4, 0), 16, 60_000)).toEqual([8, 4, 2, 1]);
  });

  it('panics when the short window asks for twice what is ready, and goes down only a stable window later', () => {
    const found = run(options, 'concurrency', [...times(6, 10), 90, ...times(10, 10)], 1, 10_000);
    expect(found.map(each => each.replicas)).toEqual([...times(6, 1), 9, ...times(6, 9), 4, 2, 1, 1]);
    expect(found[6]!.reason).toBe('concurrency 90 / 10, panic');
    expect(found[6]!.values).toMatchObject({ panicking: 1 });
  });

  it('goes to zero after its grace, and back at the first request', () => {
    const counts = replicas(options, 'concurrency', [5, ...times(12, 0), 1], 1, 10_000);
    // Six decisions until the window is empty, three of grace.
    expect(counts).toEqual([...times(9, 1), ...times(4, 0), 1]);
  });
});

describe('keda', () => {
  const options = {
    kind: 'keda',
    minReplicas: 0,
    maxReplicas: 10,
    target: 5,
    cooldownMs: 60_000,
    downscaleStabilizationMs: 30_000,
  };

  it('activates above its threshold, then follows the length as the HPA, and ends after its cooldown', () => {
    const found = run({ ...options, activation: 2 }, 'length', [0, 2, 3, 24, 24, 24, 1, 1, 1, 1, 1, 1], 0, 15_000);
    expect(found.map(each => each.replicas)).toEqual([0, 0, 1, 4, 5, 5, 5, 5, 1, 0, 0, 0]);
    expect(found[2]!.reason).toBe('length 3 / 5, activated above 2');
    expect(found[9]!.reason).toBe('length 1 / 5, not above 2 for 60 s');
  });

  it('keeps what there is while the length is unknown', () => {
    expect(replicas(options, 'length', times(8, undefined), 4, 15_000)).toEqual(times(8, 4));
  });
});

describe('slo', () => {
  const options = {
    kind: 'slo',
    minReplicas: 2,
    maxReplicas: 12,
    budgetMs: 1000,
    windowMs: 30_000,
    downAfterMs: 60_000,
  };
  const ttfts = (...seconds: (number | undefined)[]) =>
    seconds.map(ttft => ({ metrics: { ttft, inFlight: ttft === undefined ? 0 : 3 } }));
  const counts = (steps: Parameters<typeof decisionsOf>[1], first: number) =>
    decisionsOf(policyOf(options), steps, first).map(each => each.replicas);

  it('adds in proportion to what is used of the budget, at most twice as many, and waits for that', () => {
    expect(counts(ttfts(0.8, 1.2, 1.2, 1.2, 0.6), 4)).toEqual([4, 6, 6, 9, 9]);
    expect(counts(ttfts(5), 4)).toEqual([8]);
    // Half as bad again does not wait.
    expect(counts(ttfts(1.2, 2), 4)).toEqual([6, 12]);
  });

  it('does not add while replicas are starting', () => {
    const { pods } = inputOf({ replicas: 6 });
    const starting = pods.map((pod, index) => ({ ...pod, isReady: index < 4 }));
    const steps = ttfts(1.2, 1.2, 1.2, 1.2, 1.2).map((step, index) => ({
      ...step,
      ...(index > 0 && index < 4 && { pods: starting }),
    }));
    expect(counts(steps, 4)).toEqual([6, 6, 6, 6, 9]);
  });

  it('takes one away after a while below, or without load, but not when nothing is known', () => {
    expect(counts(ttfts(0.3, 0.3, 0.3, 0.3, 0.3, 0.3), 4)).toEqual([4, 4, 4, 4, 3, 3]);
    expect(counts(ttfts(...times(5, undefined)), 4)).toEqual([4, 4, 4, 4, 3]);
    expect(counts(times(9, { metrics: {} }), 4)).toEqual(times(9, 4));
  });
});

describe('schedule', () => {
  // 08:00 to 18:00 in Berlin is 07:00 to 17:00 UTC in winter, 06:00 to 16:00 in summer.
  const windows = [
    { start: '0 8 * * 1-5', end: '0 18 * * 1-5', replicas: 12 },
    { start: '0 12 * * *', end: '0 14 * * *', replicas: 15 },
  ];
  const options = { kind: 'schedule', timezone: 'Europe/Berlin', windows, leadMs: 600_000 };
  const at = (time: string, parts: object = {}, load?: number) =>
    decisionsOf(policyOf({ ...options, ...parts }), [
      { date: new Date(time), ...(load !== undefined && { metrics: { load } }) },
    ])[0]!.replicas;

  it.each([
    ['2026-03-02T06:49:00Z', 3],
    ['2026-03-02T06:50:00Z', 12],
    ['2026-03-02T11:30:00Z', 15],
    ['2026-03-02T16:59:00Z', 12],
    ['2026-03-02T17:00:00Z', 3],
    ['2026-07-06T05:50:00Z', 12],
    ['2026-07-06T16:30:00Z', 3],
    ['2026-03-07T09:00:00Z', 3],
  ])('at %s there are %i', (time, expected) => {
    expect(at(time)).toBe(expected);
  });

  it('has as many as the load needs beside it', () => {
    expect(at('2026-03-07T09:00:00Z', { metric: 'q', target: 5 }, 41)).toBe(9);
    expect(at('2026-03-02T09:00:00Z', { metric: 'q', target: 5 }, 41)).toBe(12);
  });
});

describe('predictive', () => {
  const options = {
    kind: 'predictive',
    minReplicas: 1,
    target: 10,
    periodMs: 1_800_000,
    bucketMs: 60_000,
    leadMs: 180_000,
    stabilizationMs: 0,
  };
  /** A minute's load: 10, and 100 in the peak of minutes 15 to 19 of each half hour. */
  const peak = (minute: number) => (minute % 30 >= 15 && minute % 30 < 20 ? 100 : 10);
  const minutes = (count: number, load: (minute: number) => number) =>
    Array.from({ length: count }, (_, minute) => load(minute));

  it('is there before a peak that it has seen, and not before the first ones', () => {
    const found = run(options, 'load', minutes(150, peak), 1, 60_000);
    const counts = found.map(each => each.replicas);
    // Of a peak that nobody has seen, it learns when it is there.
    expect(counts.slice(0, 15)).toEqual(times(15, 1));
    expect(counts[15]).toBe(10);
    // Of the fifth it asks for replicas three minutes ahead, and no earlier.
    const [before, ahead, inside] = [counts.slice(120, 131), counts.slice(132, 135), counts.slice(135, 140)];
    expect(Math.max(...before)).toBeLessThanOrEqual(2);
    expect(Math.min(...ahead)).toBeGreaterThanOrEqual(9);
    expect(Math.min(...inside)).toBe(10);
    expect(found[133]!.reason).toMatch(/^load 10 \/ 10, forecast [\d.]+ in 180 s \(error /);
    expect(found[133]!.values).toMatchObject({ forecast_used: 1 });
  });

  it('says that its forecast does not beat the naive one, and goes by the load alone', () => {
    const random = seededRandom(7);
    // A walk: what it was half an hour ago says nothing.
    let load = 50;
    const walk = minutes(200, () => {
      load = Math.max(1, load + random.normal() * 5);
      return load;
    });
    const found = run(options, 'load', walk, 1, 60_000);
    const last = found.slice(-100);
    expect(last.filter(each => each.values?.forecast_used === 0).length).toBeGreaterThan(80);
    const [index] = [...last.keys()].filter(each => last[each]!.values?.forecast_used === 0);
    expect(last[index!]!.reason).toMatch(/forecast not used: error [\d.]+, of the last value [\d.]+$/);
    expect(last[index!]!.replicas).toBe(Math.max(1, Math.ceil(walk[100 + index!]! / 10)));
  });
});
