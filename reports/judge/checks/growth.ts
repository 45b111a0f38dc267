import type { TimedEvent } from '../../../harness/history.ts';
import { checkOf, type Evidence, type Finding, type Objective, undecided, verdictOf } from '../check.ts';
import { type GaugeSeries, gaugeSeries } from '../gauges.ts';
import { LEVEL, nearestRank, quantileRanks } from '../statistics.ts';

interface GrowthObjective extends Objective {
  readonly gauge: 'memory';
}

/** `growth(memory) <= 10%`: from the first to the last quarter of the window. */
export const check = checkOf<GrowthObjective>({
  kind: 'growth',
  words: ['growth'],
  parse: statement => ({ gauge: statement.oneOf(['memory'], 'what grows'), ...statement.atMost('%') }),
  format: ({ gauge }, limit) => `growth(${gauge}) ${limit}`,
  needsGauges: true,
  judge,
});

/** Readings of one life of a replica below which its growth has no bounds: a quarter of them must bound a median. */
export const READINGS_LEAST = 24;

/**
 * How much a replica's memory grew, in percent: the median of the last quarter of its readings over that of the first.
 *
 * ```
 * ├ first quarter ┤─────────────────────├ last quarter ┤      upper = upper(last) / lower(first) − 1
 *      median                                median           lower = lower(last) / upper(first) − 1
 * ```
 *
 * The bounds of each median are distribution-free, at 97.5 % so that both hold at 95 %; readings of neighbouring seconds resemble
 * each other, so in short windows they are a little too narrow. Of a replica that restarted, its longest life in the window
 * is judged. The worst replica decides. Memory grows while a process warms up: give the window a start after that.
 */
function judge(objective: GrowthObjective, { window, run }: Evidence): Finding {
  const series = gaugeSeries(objective.gauge, run.events, window.fromMs, window.toMs);
  const lives = series.map(one => ({ replica: one.replica, values: longestLife(one, run.events) }));
  if (lives.length === 0) return undecided('inconclusive', `No replica told its ${objective.gauge} in the window.`);
  const samples = Math.min(...lives.map(({ values }) => values.length));
  const judged = lives.flatMap(({ replica, values }) => {
    const growth = growthOf(values);
    return growth ? [{ replica, ...growth }] : [];
  });
  const short = lives.find(({ values }) => values.length < READINGS_LEAST);
  const doubt = short && `${short.replica} has ${short.values.length} readings without a restart`;
  if (judged.length === 0)
    return undecided('inconclusive', `Too few samples: ${doubt}, ${READINGS_LEAST} are needed.`, samples);
  const worst = judged.reduce((a, b) => (b.measured > a.measured ? b : a));
  const most = (bound: 'lower' | 'upper') => Math.max(...judged.map(one => one[bound]));
  const found = { measured: worst.measured, lower: most('lower'), upper: most('upper'), samples };
  const verdict = verdictOf(objective, found);
  const told = `${worst.replica} grew most, from ${mebi(worst.first)} to ${mebi(worst.last)}`;
  if (verdict === 'pass' && doubt)
    return { ...found, verdict: 'inconclusive', reason: `${told}, but ${doubt} and ${READINGS_LEAST} are needed.` };
  return { ...found, verdict, reason: `${told} (medians of the first and the last quarter).` };
}

/** The values of the longest stretch in which the replica did not restart. */
function longestLife({ replica, readings }: GaugeSeries, events: readonly TimedEvent[]): number[] {
  const starts = events
    .filter(event => event.type === 'replica')
    .filter(event => event.replica === replica && event.state === 'ready')
    .map(event => event.atMs);
  const lives = new Map<number, number[]>();
  for (const { atMs, value } of readings) {
    if (value === null) continue;
    const life = starts.filter(start => start <= atMs).length;
    const values = lives.get(life);
    if (values) values.push(value);
    else lives.set(life, [value]);
  }
  return [...lives.values()].reduce((a, b) => (b.length > a.length ? b : a), []);
}

/** @returns null where there are too few values */
function growthOf(values: readonly number[]) {
  if (values.length < READINGS_LEAST) return null;
  const quarter = Math.floor(values.length / 4);
  const first = medianOf(values.slice(0, quarter));
  const last = medianOf(values.slice(-quarter));
  const percent = (after: number, before: number) => 100 * (after / before - 1);
  return {
    first: first.median,
    last: last.median,
    measured: percent(last.median, first.median),
    lower: percent(last.lower, first.upper),
    upper: percent(last.upper, first.lower),
  };
}

function medianOf(values: readonly number[]): { median: number; lower: number; upper: number } {
  const sorted = Float64Array.from(values).sort();
  const ranks = quantileRanks(sorted.length, 0.5, 1 - (1 - LEVEL) / 2);
  const at = (rank: number) => sorted[rank - 1]!;
  return { median: at(nearestRank(sorted.length, 0.5)), lower: at(ranks.lower!), upper: at(ranks.upper!) };
}

function mebi(value: number): string {
  return `${Number(value.toPrecision(4))} MiB`;
}
