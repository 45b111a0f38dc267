import { describe, expect, it } from 'vitest';
import { figuresOf, type JudgedStep } from '../../../scenarios/capacity/step-figures.ts';
import { queueOf, stepOf } from './queue.ts';
import { CASES, coverageOf, edgeOf, searchOf } from './searches.ts';

/** Seeds that the estimator was not tuned with. */
const FIRST_SEED = 70_000_000;

function caseOf(name: string) {
  return CASES.find(one => one.name === name)!;
}

describe('a search in real time, with short steps, in which an overload does not miss an SLO yet', () => {
  /** With the widths that are reached: what a minute or two tells. `npm run bench -- capacity` has all of them, a hundred times each. */
  it.each<readonly [string, number | undefined, number, number]>([
    ['queue, 2 servers, P90 <= 300 ms', 5000, 60_000, 1.9],
    ['queue, 8 servers, P90 <= 500 ms', undefined, 120_000, 1.6],
    ['queue, 1 server, P99 <= 300 ms', undefined, 300_000, 1.9],
    // Steps that contain none of the bursts that make a P99: a model in which they are too regular is wrong in one of four.
    ['queue, 2 servers, P99 <= 300 ms', 5000, 300_000, 1.5],
    ['batch of 8, P90 <= 500 ms', 5000, 120_000, 2.2],
    // 5 s of overload are less than this wait up to twice the capacity.
    ['batch of 64, P99 <= 3000 ms', 5000, 120_000, 3.2],
    ['queue that rejects, errors <= 1%', undefined, 120_000, 2.4],
  ])(
    '%s, steps of %s ms, %d ms in all: the true edge is in at least 9 of 10 intervals',
    {
      timeout: 120_000,
    },
    async (name, stepMs, budgetMs, width) => {
      const { found, hits, width: median } = await coverageOf(caseOf(name), { stepMs, budgetMs }, 20, FIRST_SEED);
      expect(found).toBeGreaterThanOrEqual(17);
      expect(hits).toBeGreaterThanOrEqual(0.9 * found);
      expect(median).toBeLessThan(width);
    },
  );

  it('claims nothing wrong where it has no time for both sides of the edge', async () => {
    for (const name of ['batch of 8, P99 <= 1000 ms', 'queue, 2 servers, P90 <= 300 ms']) {
      const edge = edgeOf(caseOf(name));
      let [atLeast, wrong] = [0, 0];
      for (let nth = 0; nth < 40; nth += 1) {
        const start = edge * (0.5 + 0.02 * nth);
        const setting = { stepMs: 5000, budgetMs: 12_000 };
        const { edge: found, bestMet, bound } = await searchOf(caseOf(name), setting, start, FIRST_SEED + 1000 * nth);
        if (found || bound === null) continue;
        atLeast += Number(bestMet !== null);
        wrong += Number(bestMet === null ? bound < edge : bound > edge);
      }
      expect(atLeast).toBeGreaterThan(10);
      expect(wrong).toBeLessThanOrEqual(1);
    }
  });
});

describe('a step whose lag grows', () => {
  const figuresOfLate = (lateMsP99: number) =>
    figuresOf(
      {
        document: {
          ...{ verdict: 'inconclusive', reasons: [], slos: [], windows: [] },
          load: { offered: 100, failed: 0, completed: 10, dropped: 0, lateMsP99, cpuCores: 0.1 },
        },
        facts: { windows: [], records: [] },
        timeline: { slotMs: 1000, inFlight: [], tokens: [] },
      } as unknown as JudgedStep,
      'the lag grows by 11 requests a second',
      6,
    );

  it('fails if its requests were sent in time', () => {
    expect(figuresOfLate(4)).toMatchObject({ verdict: 'fail', met: false, isGeneratorLimit: false });
  });

  it('has no result if the generator was late, so that it sent many at once', () => {
    expect(figuresOfLate(1900)).toMatchObject({ verdict: 'invalid', met: null, isGeneratorLimit: true });
    expect(figuresOfLate(1900).reason).toMatch(/was late by 1900 ms/);
  });
});

describe('a step of 5 s', () => {
  const figuresAt = (perSecond: number) => stepOf(queueOf(2, 50), perSecond, 5000, 'p90(latency) <= 5 s', 3).figures;

  it('passes if the service keeps up', () => {
    expect(figuresAt(32)).toMatchObject({ verdict: 'pass', met: true });
  });

  it('fails if its requests in flight grow, although all of them are within the limit', () => {
    const { verdict, met, missed, reason, tallies } = figuresAt(70);
    expect({ verdict, met, missed }).toEqual({ verdict: 'fail', met: false, missed: ['growing lag'] });
    expect(reason).toMatch(/^\d+ more requests were in flight at its end/);
    expect(tallies[0]!.violations).toBe(0);
  });

  it('is inconclusive where it may hide an overload', () => {
    expect(figuresAt(50)).toMatchObject({ verdict: 'inconclusive', met: true });
    expect(figuresAt(50).reason).toMatch(/only \d+ % of its rate ended/);
  });
});
