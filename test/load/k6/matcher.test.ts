import { describe, expect, it } from 'vitest';
import { arrivalTimes } from '../../../harness/arrivals/arrivals.ts';
import { sinusoidSegments } from '../../../harness/arrivals/sinusoid.ts';
import { seededRandom } from '../../../harness/random.ts';
import { ScheduleMatcher, type Tick } from '../../../load/k6/matcher.ts';
import { k6Ramp, k6Ticks } from '../../../load/k6/stages.ts';

const ORIGIN_MS = 40;

/** k6's executor in a few lines: iteration or drop at each tick, and how late the virtual user began. */
function simulate(ticks: readonly number[], isDropped: (tick: number) => boolean, lateMs: (tick: number) => number) {
  const starts: number[] = [];
  for (const [index, tick] of ticks.entries())
    if (!isDropped(index)) starts.push(Math.max(starts.at(-1) ?? 0, ORIGIN_MS + tick + lateMs(index)));
  const matcher = new ScheduleMatcher(ticks.values());
  const found: Tick[] = [];
  for (const [iteration, atMs] of starts.entries()) {
    matcher.started(iteration, atMs);
    if (iteration % 5 === 0) found.push(...matcher.take(atMs));
  }
  found.push(...matcher.finish(ORIGIN_MS + ticks.at(-1)! + 100));
  return found;
}

const every10Ms = Array.from({ length: 300 }, (_, index) => (index + 1) * 10);

describe('matching iterations to ticks', () => {
  // A generator that stands still for 200 ms and catches up with 20 starts at once: none of them was dropped, and each keeps
  // the tick that it was late for. Taking the last tick before a start would call it punctual.
  it('tells a late generator from one that drops', () => {
    const found = simulate(
      every10Ms,
      () => false,
      tick => (tick >= 100 && tick < 120 ? (120 - tick) * 10 : 0.05),
    );
    expect(found.map(({ iteration }) => iteration)).toEqual([...every10Ms.keys()]);
    for (const [index, { atMs }] of found.entries()) expect(atMs).toBeCloseTo(ORIGIN_MS + every10Ms[index]! + 0.05, 1);
  });

  it('finds the ticks that nobody took', () => {
    const isDropped = (tick: number) => tick >= 100 && tick < 180 && tick % 3 !== 0;
    const found = simulate(every10Ms, isDropped, () => 0.1);
    const dropped = found.filter(({ iteration }) => iteration === null).map(({ index }) => index);
    expect(dropped).toEqual([...every10Ms.keys()].filter(isDropped));
  });

  it('numbers ticks and iterations of a share as the whole does', () => {
    const share = { first: 1, step: 3 };
    const matcher = new ScheduleMatcher(every10Ms.values(), share);
    for (const nth of every10Ms.keys())
      if (nth !== 5) matcher.started(nth < 5 ? 1 + 3 * nth : 3 * nth - 2, (nth + 1) * 10);
    const found = matcher.finish(5000);
    expect(found.map(({ index }) => index)).toEqual(every10Ms.map((_, nth) => 1 + 3 * nth));
    expect(found.slice(4, 7).map(({ iteration }) => iteration)).toEqual([13, null, 16]);
  });

  it('counts every tick once, whatever happens', () => {
    for (let seed = 0; seed < 50; seed += 1) {
      const random = seededRandom(seed);
      const dropped = new Set([...every10Ms.keys()].filter(tick => tick > 0 && random.next() < 0.2));
      const found = simulate(
        every10Ms,
        tick => dropped.has(tick),
        () => random.exponential(4),
      );
      expect(found.map(({ index }) => index)).toEqual([...every10Ms.keys()]);
      expect(found.filter(({ iteration }) => iteration === null)).toHaveLength(dropped.size);
    }
  });
});

describe("k6's schedule", () => {
  // 20/s for 1 s, a step to 50/s for 1 s, a ramp to 0 in 2 s: 20 + 50 + 50 iterations.
  it('has as many ticks as its stages have arrivals, in order', () => {
    const segments = [
      { name: 'a', fromMs: 0, toMs: 1000, fromPerSecond: 20, toPerSecond: 20 },
      { name: 'b', fromMs: 1000, toMs: 2000, fromPerSecond: 50, toPerSecond: 50 },
      { name: 'c', fromMs: 2000, toMs: 4000, fromPerSecond: 50, toPerSecond: 0 },
    ];
    const ticks = [...k6Ticks(k6Ramp(segments))];
    expect(ticks).toHaveLength(120);
    expect(ticks[0]).toBeCloseTo(50);
    expect(ticks[20]).toBeCloseTo(1020);
    expect(ticks.every((tick, index) => index === 0 || tick >= ticks[index - 1]!)).toBe(true);
  });

  // Pieces of 16.7, 8.3 and 5.6 ms: rounded one by one, 60 s of them would last 61.2, 57.6 and 64.9 s. k6 begins with 1 where the
  // plan begins with 0, so its tick n is the plan's arrival n + 1.
  it.each([1000, 500, 333])('keeps to a sinusoid whose period is %i ms', periodMs => {
    const curve = { meanPerSecond: 31, amplitudePerSecond: 25, periodMs, phase: 0 };
    const segments = sinusoidSegments('s', 0, 60_000, curve);
    const planned = [...arrivalTimes(segments, 'constant', seededRandom(1))].slice(1);
    const ticks = [...k6Ticks(k6Ramp(segments))];
    expect(Math.abs(ticks.length - planned.length - 1)).toBeLessThanOrEqual(1);
    expect(Math.max(...planned.map((atMs, index) => Math.abs((ticks[index] ?? atMs) - atMs)))).toBeLessThan(2);
  });
});
