import { type Found, search } from '../../../scenarios/capacity/search.ts';
import { type StepRecipe, stepAt } from '../../../scenarios/capacity/step-changes.ts';
import type { Scenario } from '../../../scenarios/scenario.ts';
import { batchOf, boundedQueueOf, queueOf, type Server, stepOf, trueEdge } from './queue.ts';

/** What a step takes beside its load: programs that start, and requests that end. */
const OVERHEAD_MS = 1500;
/** As the command line has it, in real time. */
const MIN_STEP_MS = 5000;
const MAX_STEP_MS = 180_000;
const MAX_STEP_RATIO = 0.1;

/** A server of known capacity with an SLO. */
export interface KnownCase {
  readonly name: string;
  readonly server: Server;
  readonly objective: string;
  readonly metric: 'ttft' | 'latency';
  /** Ratio of requests that may be slower than the limit, and that limit, null where only errors count. */
  readonly allowed: number;
  readonly limitMs: number | null;
  /** Requests that it can serve at most per second. */
  readonly capacity: number;
  /** Requests that a pass needs at least. */
  readonly minRequests: number;
}

const SERVERS: readonly (readonly [string, Server, number, 'ttft' | 'latency', number, number])[] = [
  ['queue, 1 server', queueOf(1, 25), 40, 'latency', 300, 300],
  ['queue, 2 servers', queueOf(2, 50), 40, 'latency', 300, 300],
  ['queue, 8 servers', queueOf(8, 200), 40, 'latency', 500, 500],
  ['batch of 8', batchOf(8, 20, 40), 10, 'ttft', 500, 1000],
  ['batch of 64', batchOf(64, 20, 40), 80, 'ttft', 500, 3000],
];

/** Queues and batches, each with P90 and P99. */
export const CASES: readonly KnownCase[] = [
  ...SERVERS.flatMap(([name, server, capacity, metric, p90Ms, p99Ms]) =>
    [
      [90, p90Ms, 40],
      [99, p99Ms, 400],
    ].map(([percentile, limitMs, minRequests]) => ({
      name: `${name}, P${percentile} <= ${limitMs} ms`,
      ...{ server, capacity, metric, limitMs: limitMs!, minRequests: minRequests! },
      objective: `p${percentile}(${metric}) <= ${limitMs} ms`,
      allowed: 1 - percentile! / 100,
    })),
  ),
  {
    ...{ name: 'queue that rejects, errors <= 1%', server: boundedQueueOf(2, 50, 8), objective: 'errors <= 1%' },
    ...{ metric: 'latency', allowed: 0.01, limitMs: null, capacity: 40, minRequests: 400 },
  },
];

const edges = new Map<KnownCase, number>();

/** Rate at which a case just meets its SLO in the long run. */
export function edgeOf(one: KnownCase): number {
  const { server, allowed, limitMs, capacity } = one;
  const edge =
    edges.get(one) ?? trueEdge(server, allowed, limitMs ?? Number.POSITIVE_INFINITY, capacity / 4, 1.3 * capacity, 1e7);
  edges.set(one, edge);
  return edge;
}

/** A search in real time as the command line does it. */
export interface Setting {
  readonly budgetMs: number;
  /** Undefined for the default of the command line. */
  readonly stepMs: number | undefined;
}

/** A search, and how many steps it took. */
export interface Searched extends Found {
  readonly steps: number;
}

/** One search, one step after the other. @param start of the true edge, where it begins */
export async function searchOf(
  { server, objective, metric, limitMs, minRequests }: KnownCase,
  { budgetMs, stepMs }: Setting,
  start: number,
  seed: number,
): Promise<Searched> {
  const recipe: StepRecipe = {
    ...{ find: 'rate', perSecond: 0, stepMs, isTarget: true, slos: [], minRequests, notes: [] },
    maxStepMs: Math.min(MAX_STEP_MS, Math.max(MIN_STEP_MS, MAX_STEP_RATIO * budgetMs)),
    limits: { ttftMs: metric === 'ttft' ? limitMs : null, latencyMs: metric === 'latency' ? limitMs : null },
  };
  let [nowMs, longestMs, steps] = [0, 0, 0];
  const step = async (value: number, index: number) => {
    const { watch, stepMs: lengthMs } = stepAt(recipe, value, { load: {} } as Scenario);
    const { figures, tookMs } = stepOf(server, value, lengthMs, objective, seed + index, watch);
    nowMs += tookMs + OVERHEAD_MS;
    longestMs = Math.max(longestMs, tookMs + OVERHEAD_MS);
    steps += 1;
    return figures;
  };
  const found = await search({
    ...{ start, min: 0.01, max: 1e5, side: 'below', isWhole: false },
    ...{ precision: 0.15, maxSteps: 60, atOnce: 1, hasTime: () => nowMs + longestMs <= budgetMs, step },
  });
  return { ...found, steps };
}

/** What came of many searches of a case. */
export interface Coverage {
  readonly searches: number;
  /** Those that named an interval, and of these those whose interval has the edge, is above it, and is below it. */
  readonly found: number;
  readonly hits: number;
  readonly above: number;
  readonly below: number;
  /** Upper over lower bound, median of those that named an interval; NaN without any. */
  readonly width: number;
  readonly steps: number;
}

/** Many searches, from a fifth of the edge to three times as much. @param firstSeed of the first search; each has a thousand */
export async function coverageOf(
  one: KnownCase,
  setting: Setting,
  searches: number,
  firstSeed: number,
): Promise<Coverage> {
  const edge = edgeOf(one);
  const all: Searched[] = [];
  for (let nth = 0; nth < searches; nth += 1)
    all.push(await searchOf(one, setting, edge * (0.2 + ((0.37 * nth) % 2.8)), firstSeed + 1000 * nth));
  const founds = all.flatMap(({ edge: found }) => (found ? [found] : []));
  const widths = founds.map(({ lower, upper }) => upper / lower).sort((a, b) => a - b);
  const above = founds.filter(({ lower }) => edge < lower).length;
  const below = founds.filter(({ upper }) => edge > upper).length;
  return {
    ...{ searches, found: founds.length, hits: founds.length - above - below, above, below },
    width: widths[Math.floor(widths.length / 2)] ?? Number.NaN,
    steps: all.reduce((sum, { steps }) => sum + steps, 0) / searches,
  };
}
