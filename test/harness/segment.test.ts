import { describe, expect, it } from 'vitest';
import { arrivalTimes, type Ramp } from '../../harness/arrivals/arrivals.ts';
import { seededRandom } from '../../harness/random.ts';
import {
  arrivalsOf,
  injects,
  type Partition,
  partitionOfSegment,
  partOf,
  subdivide,
  WHOLE,
} from '../../harness/segment.ts';

const SEGMENTS: Ramp[] = [
  { name: 'warm-up', fromMs: -1000, toMs: 0, fromPerSecond: 5, toPerSecond: 5 },
  { name: 'ramp', fromMs: 0, toMs: 5000, fromPerSecond: 5, toPerSecond: 120 },
  { name: 'hold', fromMs: 5000, toMs: 8000, fromPerSecond: 120, toPerSecond: 120 },
];
const schedule = (seed: number) => [...arrivalTimes(SEGMENTS, 'poisson', seededRandom(seed))].map(atMs => ({ atMs }));
const inOrder = (arrivals: readonly { readonly index: number }[]) => arrivals.toSorted((a, b) => a.index - b.index);

/** All partitions of `of` segments with `workers` workers each. */
function partitionsOf(of: number, workers: number): Partition[] {
  return Array.from({ length: of }, (_, index) =>
    Array.from({ length: workers }, (_, nth) => subdivide(partitionOfSegment({ index: index + 1, of }), nth, workers)),
  ).flat();
}

const CASES = [1, 2, 3, 5, 8].flatMap(of =>
  [1, 2, 3].flatMap(workers => [1, 7, 42].map(seed => [of, workers, seed] as const)),
);

describe('the partitions of a schedule', () => {
  it.each(CASES)(
    'of %i segments with %i workers, seed %i, cover the schedule, each arrival once',
    (of, workers, seed) => {
      const times = schedule(seed);
      const union = partitionsOf(of, workers).flatMap(partition => [...arrivalsOf(times, partition)]);
      expect(inOrder(union)).toEqual(times.map((arrival, index) => ({ ...arrival, index })));
    },
  );

  it('do not cover it if one of them is wrong', () => {
    const times = schedule(1);
    const [first, ...others] = partitionsOf(3, 1);
    for (const wrong of [
      { ...first!, first: 1 },
      { ...first!, step: 4 },
    ]) {
      const union = [wrong, ...others].flatMap(partition => [...arrivalsOf(times, partition)]);
      expect(inOrder(union)).not.toEqual(times.map((arrival, index) => ({ ...arrival, index })));
    }
  });

  it('thin every stretch equally, to within one arrival', () => {
    const times = schedule(3);
    for (const [fromMs, toMs] of [
      [-1000, 0],
      [0, 500],
      [1234, 4321],
      [5000, 8000],
    ] as const) {
      const counts = partitionsOf(4, 1).map(
        partition => [...arrivalsOf(times, partition)].filter(({ atMs }) => fromMs <= atMs && atMs < toMs).length,
      );
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }
  });

  it('are lazy: a schedule may be infinite', () => {
    const endless = (function* () {
      for (let atMs = 0; ; atMs += 1) yield { atMs };
    })();
    expect(arrivalsOf(endless, { first: 2, step: 5 }).next().value).toEqual({ index: 2, atMs: 2 });
  });

  it.each([
    [1000, 3, 2],
    [7, 7, 1],
    [10, 4, 1],
    [5, 1, 1],
  ])('divide a limit of %i among %i segments with %i workers', (total, of, workers) => {
    const parts = partitionsOf(of, workers).map(partition => partOf(total, partition));
    expect(parts.reduce((a, b) => a + b)).toBe(total);
    expect(Math.min(...parts)).toBeGreaterThanOrEqual(1);
    expect(partOf(total, WHOLE)).toBe(total);
  });
});

describe('a fault of a shared plan', () => {
  const segment = (index: number) => ({ segment: { index, of: 3, whole: { count: 1, sha256: '' } } });

  it('is injected by every segment on its own link, and by the first segment alone on a shared target', () => {
    const [link, replica] = [{ target: 'client→target' }, { target: 'inference-1' }];
    expect([1, 2, 3].map(index => injects(segment(index), link))).toEqual([true, true, true]);
    expect([1, 2, 3].map(index => injects(segment(index), replica))).toEqual([true, false, false]);
    expect(injects({}, replica)).toBe(true);
  });
});
