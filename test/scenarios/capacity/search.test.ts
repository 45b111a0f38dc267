import { describe, expect, it } from 'vitest';
import { LAG, type Outcome } from '../../../scenarios/capacity/posteriors.ts';
import { type Found, type SearchOptions, search } from '../../../scenarios/capacity/search.ts';
import { batchOf, boundedQueueOf, queueOf, type Server, stepOf, trueEdge } from './queue.ts';

const OPTIONS = {
  ...{ start: 5, min: 0.01, max: 1e5, side: 'below', isWhole: false, precision: 0.2, maxSteps: 60, atOnce: 3 },
  hasTime: () => true,
} as const satisfies Partial<SearchOptions>;

/** A step of a service that meets its SLO up to an edge, without noise. */
function sharp(edge: number, side: 'below' | 'above' = 'below'): SearchOptions['step'] {
  return async value => outcome((side === 'below') === value <= edge || value === edge);
}

function outcome(met: boolean | null, isGeneratorLimit = false): Outcome {
  const tallies = met === null ? [] : [{ name: 'slo', violations: met ? 0 : 500, count: 1000, allowed: 0.01 }];
  return { met, isGeneratorLimit, tallies };
}

describe('a search of a server of known capacity', () => {
  /** Few requests a second, so that a hundred searches take seconds; steps as long as those of a run. */
  const servers: readonly (readonly [string, Server, string, number, number, number, number])[] = [
    ['a queue with 2 servers', queueOf(2, 400), 'p90(ttft) <= 1200 ms', 0.1, 1200, 30_000, 30],
    ['a batch limit of 8', batchOf(8, 80, 20), 'p99(ttft) <= 1000 ms', 0.01, 1000, 180_000, 30],
    ['a queue that rejects', boundedQueueOf(2, 400, 4), 'errors <= 2%', 0.02, Number.POSITIVE_INFINITY, 90_000, 20],
  ];
  it.each(servers)(
    '%s: the true edge is in at least 9 of 10 intervals',
    { timeout: 120_000 },
    async (_, server, objective, allowed, limitMs, stepMs, searches) => {
      const edge = trueEdge(server, allowed, limitMs, 1, 5, 1e8);
      const founds: Found[] = [];
      for (let nth = 0; nth < searches; nth += 1) {
        // Seeds that the estimator was not tuned with.
        const step = async (value: number, index: number) =>
          stepOf(server, value, stepMs, objective, 50_000_000 + 1000 * nth + index).figures;
        // From a fifth of the edge to three times as much.
        founds.push(await search({ ...OPTIONS, maxSteps: 40, start: edge * (0.2 + ((0.37 * nth) % 2.8)), step }));
      }
      const hits = founds.filter(({ edge: found }) => found !== null && found.lower <= edge && edge <= found.upper);
      expect(hits.length).toBeGreaterThanOrEqual(0.9 * searches);
      // An interval of everything would hold it, too.
      const widths = founds.map(({ edge: found }) => found!.upper / found!.lower - 1).sort((a, b) => a - b);
      expect(widths[searches / 2]).toBeLessThan(0.21);
      expect(hits.every(({ edge: found }) => found!.limitedBy === objective)).toBe(true);
    },
  );
});

it.each([
  ['the SLO that fails at about the same load', 101, 'slo'],
  ['a lag that grows far below what the SLO allows', 400, LAG],
])('is limited by %s', async (_, sloEdge, limitedBy) => {
  const step: SearchOptions['step'] = async value => {
    const lags = value > 100;
    const tallies = [
      {
        name: 'slo',
        violations: Math.round(1000 * Math.min(1, 0.01 * (value / sloEdge) ** 12)),
        count: 1000,
        allowed: 0.01,
      },
      { name: LAG, violations: Number(lags), count: 1, allowed: 0.5 },
    ];
    return { met: !lags && value <= sloEdge, isGeneratorLimit: false, tallies };
  };
  const { edge } = await search({ ...OPTIONS, step });
  expect(edge!.limitedBy).toBe(limitedBy);
  expect(edge!.lower).toBeLessThan(101);
  expect(edge!.upper).toBeGreaterThan(95);
});

describe('a search with steps that are wrong', () => {
  /** A service whose violations grow with the 12th power of the load, but for one step on either side of its edge. */
  async function searchOf(edge: number, start: number, wrongBelow: number, wrongAbove: number): Promise<Found> {
    let [below, above] = [0, 0];
    const step: SearchOptions['step'] = async value => {
      const ratio = Math.min(1, 0.01 * (value / edge) ** 12);
      const isWrong = value < edge ? ++below === wrongBelow : ++above === wrongAbove;
      const violations = isWrong ? (value < edge ? 300 : 0) : Math.round(1000 * ratio);
      return {
        met: violations <= 10,
        isGeneratorLimit: false,
        tallies: [{ name: 'slo', violations, count: 1000, allowed: 0.01 }],
      };
    };
    return await search({ ...OPTIONS, start, step });
  }
  // The first step below, far from the edge, is what its bracket rests on; so is the first above.
  it.each([
    [3, 1, 0],
    [40, 0, 1],
    [5, 2, 2],
    [90, 3, 2],
    [19, 4, 4],
  ])(
    'from %d/s: the edge is in its interval although step %d below it fails and step %d above it passes',
    async (start, below, above) => {
      const { edge } = await searchOf(20, start, below, above);
      expect(edge!.lower).toBeLessThanOrEqual(20);
      expect(edge!.upper).toBeGreaterThanOrEqual(20);
      expect(edge!.upper / edge!.lower).toBeLessThan(1.5);
    },
  );
});

describe('a search', () => {
  it.each([[0.3], [4.9], [77], [1234]])('finds a sharp edge at %d, from far away', async edge => {
    const { edge: found, bestMet, bestMissed } = await search({ ...OPTIONS, step: sharp(edge) });
    expect(found!.lower).toBeLessThanOrEqual(edge);
    expect(found!.upper).toBeGreaterThanOrEqual(edge);
    expect(bestMet).toBeLessThanOrEqual(edge);
    expect(bestMissed).toBeGreaterThan(edge);
    expect(found!.upper / found!.lower).toBeLessThan(1.7);
  });

  it('finds the fewest replicas, a whole number', async () => {
    const options = { ...OPTIONS, start: 3, min: 1, max: 100, isWhole: true } as const;
    const { edge, stop } = await search({ ...options, side: 'above', step: sharp(7, 'above') });
    expect(stop).toBe('precise');
    expect(edge).toMatchObject({ lower: 7, value: 7, upper: 7 });
  });

  it('says why there is no edge', async () => {
    const stopOf = async (step: SearchOptions['step'], more: Partial<SearchOptions> = {}) =>
      (await search({ ...OPTIONS, ...more, step })).stop;
    expect(await stopOf(sharp(1e6), { max: 40 })).toBe('highest-passes');
    expect(await stopOf(sharp(0.001), { min: 1 })).toBe('lowest-fails');
    expect(await stopOf(async value => (value > 30 ? outcome(null, true) : outcome(true)))).toBe('generator-limit');
    expect(await stopOf(async () => outcome(null))).toBe('undecided');
    let steps = 0;
    const hasTime = () => steps < 3;
    const counted: SearchOptions['step'] = async () => {
      steps += 1;
      return outcome(true);
    };
    expect(await stopOf(counted, { hasTime })).toBe('budget');
    expect(steps).toBe(3);
    expect(await stopOf(sharp(50), { maxSteps: 6 })).toBe('steps');
  });

  it('tries the same values whatever time the steps take', async () => {
    const valuesOf = async (order: (index: number) => number) => {
      const values: number[] = [];
      const step = async (value: number, index: number) => {
        values[index] = value;
        for (let turn = 0; turn < order(index); turn += 1) await Promise.resolve();
        return stepOf(queueOf(2, 400), value, 30_000, 'p90(ttft) <= 1200 ms', index).figures;
      };
      await search({ ...OPTIONS, step });
      return values;
    };
    expect(await valuesOf(index => index % 7)).toEqual(await valuesOf(index => 7 - (index % 7)));
  });
});
