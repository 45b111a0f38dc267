import { CASES, type Coverage, coverageOf, edgeOf, type Setting } from '../scenarios/capacity/searches.ts';

/** Searches as in real time: with the shortest steps, and as long ones as the command line takes. */
const SETTINGS: readonly Setting[] = [5000, undefined].flatMap(stepMs =>
  [60_000, 120_000, 300_000].map(budgetMs => ({ stepMs, budgetMs })),
);
/** Ratio of the intervals that must hold the edge. */
const MIN_HITS = 0.9;
/** Seeds that the estimator was not tuned with. */
const FIRST_SEED = 90_000_000;

/** A row of {@link capacityBench}. */
export interface CoverageRow {
  readonly server: string;
  /** Rate at which it just meets its SLO, per second. */
  readonly edge: number;
  readonly step: string;
  readonly budget: string;
  readonly found: string;
  readonly holds: string;
  /** Intervals that are above the edge, and below it. */
  readonly above: number;
  readonly below: number;
  /** Median of upper over lower bound. */
  readonly width: string;
  readonly steps: string;
  readonly isEnough: boolean;
}

/**
 * Searches of the capacity of simulated servers whose capacity is known: how many of their intervals hold it.
 * @param only words, of which the name of a server must have one @default all servers
 * @param searches of each server and setting
 */
export async function capacityBench(only: string | undefined, searches: number): Promise<CoverageRow[]> {
  const words = only?.split(',');
  const rows: CoverageRow[] = [];
  for (const one of CASES) {
    if (words && !words.some(word => one.name.includes(word))) continue;
    for (const setting of SETTINGS)
      rows.push(rowOf(one.name, edgeOf(one), setting, await coverageOf(one, setting, searches, FIRST_SEED)));
  }
  return rows;
}

function rowOf(server: string, edge: number, { stepMs, budgetMs }: Setting, coverage: Coverage): CoverageRow {
  const { searches, found, hits, above, below, width, steps } = coverage;
  return {
    ...{ server, edge: Number(edge.toFixed(1)), step: stepMs === undefined ? 'default' : `${stepMs / 1000} s` },
    ...{ budget: `${budgetMs / 1000} s`, found: `${found} of ${searches}`, holds: `${hits} of ${found}`, above, below },
    ...{ width: width.toFixed(2), steps: steps.toFixed(1), isEnough: hits >= MIN_HITS * found },
  };
}
