import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../harness/random.ts';
import { findChanges, type NightSeries } from '../../../reports/judge/trend/change-points.ts';

const HISTORIES = 200;
/** In virtual time intervals are all that there is to doubt, in real time nights have to show their spread. */
const FREEDOM = { virtual: 1000, real: 2 } as const;

interface Simulated {
  readonly nights: number;
  /** Standard error of each night; that of an interval from 95 % to 105 % is 0.03. */
  readonly error?: number;
  /** Spread from night to night that the intervals do not know. */
  readonly spread?: number;
  /** Night from which the value is this many times that before. */
  readonly shift?: { readonly at: number; readonly factor: number };
  readonly kind?: keyof typeof FREEDOM;
}

/** Indicators as the same code has them on all nights, but for the shift. */
function simulated(random: ReturnType<typeof seededRandom>, count: number, options: Simulated): NightSeries[] {
  const { nights, error = 0.03, spread = 0, shift, kind = 'virtual' } = options;
  return Array.from({ length: count }, () => ({
    freedom: FREEDOM[kind],
    nights: Array.from({ length: nights }, (_, night) => ({
      value:
        error * random.normal() + spread * random.normal() + (shift && night >= shift.at ? Math.log(shift.factor) : 0),
      error,
    })),
  }));
}

function repeated(holds: (random: ReturnType<typeof seededRandom>) => boolean): number {
  const random = seededRandom(18);
  return Array.from({ length: HISTORIES }, (_, index) => holds(random.stream(String(index)))).filter(Boolean).length;
}

describe('a history without change', () => {
  // At most 5 % of 200 histories, 10, are expected; 18 have a probability of 1 % with 5 %.
  it.each<[number, number, Simulated]>([
    [1, 2, { nights: 2 }],
    [1, 3, { nights: 3 }],
    [20, 3, { nights: 3 }],
    [20, 10, { nights: 10 }],
    [5, 60, { nights: 60 }],
    // Twice the errors, unknown to the intervals, from night to night.
    [20, 10, { nights: 10, spread: 0.06, kind: 'real' }],
    [20, 60, { nights: 60, spread: 0.06, kind: 'real' }],
  ])('shows one in no more than one of twenty cases: %i indicators, %i nights', (count, _, options) => {
    const alarms = repeated(random => findChanges(simulated(random, count, options)).some(found => found.length > 0));
    expect(alarms).toBeLessThanOrEqual(18);
  });

  it('would show many without the doubt of nights in real time', () => {
    const options = { nights: 10, spread: 0.06 } as const;
    const alarms = repeated(random => findChanges(simulated(random, 20, options)).some(found => found.length > 0));
    expect(alarms).toBeGreaterThan(100);
  });
});

describe('a change', () => {
  // One of ten indicators changes by 20 to 30 %, each night with an interval of 5 % to both sides.
  it.each<[string, Simulated]>([
    ['30 % on the third night of three', { nights: 3, shift: { at: 2, factor: 1.3 } }],
    ['25 % on the newest of ten', { nights: 10, shift: { at: 9, factor: 1.25 } }],
    ['20 % in the middle of twenty', { nights: 20, shift: { at: 10, factor: 1.2 } }],
    ['20 % less, in the middle of sixty', { nights: 60, shift: { at: 40, factor: 1 / 1.2 } }],
    ['30 % in real time, in the middle of twenty', { nights: 20, shift: { at: 12, factor: 1.3 }, kind: 'real' }],
  ])('is found on its night in nineteen of twenty cases: %s', (_, options) => {
    const found = repeated(random => {
      const { shift: __, ...same } = options;
      const all = findChanges([...simulated(random, 9, same), ...simulated(random, 1, options)]);
      return all[9]!.includes(options.shift!.at);
    });
    expect(found).toBeGreaterThanOrEqual(0.95 * HISTORIES);
  });

  it('is found where it begins and where it ends, also after one night', () => {
    const of = (values: readonly number[]) =>
      findChanges([{ freedom: FREEDOM.virtual, nights: values.map(value => ({ value, error: 0.03 })) }])[0];
    expect(of([0, 0.01, 0, 0.4, 0.01, 0, 0.01])).toEqual([3, 4]);
    expect(of([0, 0, 0.3, 0.3, 0.31, 0.7, 0.69])).toEqual([2, 5]);
    expect(of([0, 0, 0.3])).toEqual([2]);
    expect(of([0, 0, 0.05])).toEqual([]);
    expect(of([0.3])).toEqual([]);
    expect(findChanges([])).toEqual([]);
  });
});
