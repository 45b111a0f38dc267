import { describe, expect, it } from 'vitest';
import { type Found, search } from '../../../scenarios/capacity/search.ts';
import { figuresOf, type JudgedStep } from '../../../scenarios/capacity/step-figures.ts';
import { batchOf, boundedQueueOf, queueOf, type Server, stepOf, trueEdge } from './queue.ts';

/** What a step takes beside its load: programs that start, and requests that end. */
const OVERHEAD_MS = 1500;

/** Searches in the time of a real one, one step after the other, from a fifth of the edge to three times as much. */
async function searchesOf(
  server: Server,
  objective: string,
  limitMs: number | null,
  edge: number,
  { stepMs, budgetMs, searches }: { stepMs: number; budgetMs: number; searches: number },
): Promise<Found[]> {
  const founds: Found[] = [];
  for (let nth = 0; nth < searches; nth += 1) {
    let [nowMs, longestMs] = [0, 0];
    const step = async (value: number, index: number) => {
      const watch = { ttftMs: null, latencyMs: limitMs, arrivals: (1.2 * value * stepMs) / 1000, perSecond: value };
      // Seeds that the estimator was not tuned with.
      const seed = 70_000_000 + 1000 * nth + index;
      const { figures, tookMs } = stepOf(server, value, stepMs, objective, seed, watch);
      nowMs += tookMs + OVERHEAD_MS;
      longestMs = Math.max(longestMs, tookMs + OVERHEAD_MS);
      return figures;
    };
    const found = await search({
      ...{ start: edge * (0.2 + ((0.37 * nth) % 2.8)), min: 0.01, max: 1e5, side: 'below', isWhole: false },
      ...{ precision: 0.15, maxSteps: 60, atOnce: 1, hasTime: () => nowMs + longestMs <= budgetMs, step },
    });
    if (found.edge) founds.push(found);
  }
  return founds;
}

describe('a search with short steps, in which an overload does not miss an SLO yet', () => {
  /** With the widths that are reached: what a minute or two tells. */
  it.each<readonly [string, Server, string, number, number | null, number, number, number]>([
    ['2 servers, P90', queueOf(2, 50), 'p90(latency) <= 300 ms', 0.1, 300, 60_000, 40, 1.9],
    ['2 servers, P90, more time', queueOf(2, 50), 'p90(latency) <= 300 ms', 0.1, 300, 90_000, 40, 1.5],
    ['2 servers, P99', queueOf(2, 50), 'p99(latency) <= 1 s', 0.01, 1000, 120_000, 40, 2.2],
    // 5 s of overload are less than this wait up to twice the capacity.
    ['2 servers, a long wait', queueOf(2, 50), 'p99(latency) <= 5 s', 0.01, 5000, 120_000, 40, 3],
    ['a batch limit', batchOf(64, 20, 40), 'p99(ttft) <= 3 s', 0.01, 3000, 120_000, 80, 2.5],
    ['a queue that rejects', boundedQueueOf(2, 50, 8), 'errors <= 1%', 0.01, null, 90_000, 40, 2.2],
  ])(
    '%s: the true edge is in at least 9 of 10 intervals',
    { timeout: 120_000 },
    async (_, server, objective, allowed, limitMs, budgetMs, capacity, width) => {
      const edge = trueEdge(server, allowed, limitMs ?? Number.POSITIVE_INFINITY, capacity / 4, 1.3 * capacity, 1e7);
      const founds = await searchesOf(server, objective, limitMs, edge, { stepMs: 5000, budgetMs, searches: 20 });
      expect(founds.length).toBeGreaterThanOrEqual(18);
      const hits = founds.filter(({ edge: found }) => found!.lower <= edge && edge <= found!.upper);
      expect(hits.length).toBeGreaterThanOrEqual(0.9 * founds.length);
      const widths = founds.map(({ edge: found }) => found!.upper / found!.lower).sort((a, b) => a - b);
      expect(widths[Math.floor(widths.length / 2)]).toBeLessThan(width);
    },
  );
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
