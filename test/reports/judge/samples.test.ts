import { expect, it } from 'vitest';
import { seededRandom } from '../../../harness/random.ts';
import { Slots } from '../../../reports/judge/folds/slots.ts';
import { MAX_KEPT, quantileEstimate, ValueCollector, valueSamples } from '../../../reports/judge/samples.ts';
import { nearestRank } from '../../../reports/judge/statistics.ts';

const RANDOM = seededRandom(9);
/** Latencies over six orders of magnitude. */
const VALUES = Float64Array.from({ length: 2 * MAX_KEPT }, () => Math.exp(14 * RANDOM.next() - 4)).sort();
const QUANTILES = [0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999];
const exact = (values: Float64Array, q: number) => values[nearestRank(values.length, q) - 1]!;

it('quantiles of as many values as are kept are exact', () => {
  const kept = VALUES.filter((_, index) => index % 2 === 0);
  expect(kept.length).toBe(MAX_KEPT);
  const samples = valueSamples(kept);
  for (const q of QUANTILES) expect(samples.at(q)).toBe(exact(kept, q));
});

it('quantiles of more values are off by less than a tenth of what their intervals are wide', () => {
  const samples = valueSamples(VALUES);
  expect([samples.total, samples.at(1), samples.at(1e-9)]).toEqual([VALUES.length, VALUES.at(-1), VALUES[0]]);
  for (const q of QUANTILES) {
    const { measured, lower, upper } = quantileEstimate(samples, q);
    const error = Math.abs(measured! - exact(VALUES, q));
    // Half of a bucket, 1/8192 of an octave's lower end.
    expect(error / exact(VALUES, q)).toBeLessThanOrEqual(1 / 16_384);
    expect(error).toBeLessThan((upper! - lower!) / 10);
  }
});

it('values that are zero or less, or do not end, are where they belong', () => {
  const values = Float64Array.from({ length: MAX_KEPT + 100 }, (_, index) => (index < 50 ? -1 : index < 90 ? 0 : 3));
  const samples = valueSamples([...values, Number.POSITIVE_INFINITY]);
  expect(samples.at(1)).toBe(Number.POSITIVE_INFINITY);
  expect(samples.at(1e-9)).toBe(-1);
  expect(samples.at(0.5)).toBeCloseTo(3, 3);
});

it('values of several collectors have the quantiles of all of them, kept or counted', () => {
  const collected = (values: Float64Array) => {
    const collector = new ValueCollector();
    for (const value of values) collector.add(value);
    return collector;
  };
  const bounds = [0, 10, MAX_KEPT - 5, MAX_KEPT + 20, VALUES.length];
  for (const [from, first, second] of [
    bounds.slice(0, 3),
    bounds.slice(1, 4),
    [0, MAX_KEPT + 1, VALUES.length],
    [0, 10, VALUES.length],
  ]) {
    const merged = collected(VALUES.subarray(from, first));
    merged.merge(collected(VALUES.subarray(first, second)));
    const [found, whole] = [merged.samples(), valueSamples(VALUES.subarray(from, second))];
    expect(found.total).toBe(whole.total);
    for (const q of [1e-9, ...QUANTILES, 1]) expect(found.at(q)).toBe(whole.at(q));
  }
});

it('slots of a long load are closed once each, with all of their requests', () => {
  const closed = new Map<number, number>();
  const slots = new Slots(
    3000,
    () => ({ count: 0 }),
    ({ count }, slot) => {
      expect(closed.has(slot)).toBe(false);
      closed.set(slot, count);
    },
  );
  // Nearly in order: up to 20 slots late.
  const arrivals = Array.from({ length: 300_000 }, (_, index) => Math.floor(index / 100) - (index % 7 === 0 ? 20 : 0));
  for (const slot of arrivals) {
    const fold = slots.at(slot);
    if (fold) fold.count += 1;
  }
  const before = closed.size;
  slots.end();
  expect(before).toBeGreaterThan(1000);
  expect([...closed.values()].reduce((sum, count) => sum + count, 0)).toBe(arrivals.filter(slot => slot >= 0).length);
});
