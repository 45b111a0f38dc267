import type { TimedEvent } from '../../../harness/history.ts';
import type { Window } from '../../../harness/windows.ts';
import { checkOf, type Evidence, type Finding, type Objective, undecided, verdictOf } from '../check.ts';
import { type GaugeSeries, gaugeSeries, unreported } from '../gauges.ts';
import { LEVEL, nearestRank, quantileRanks } from '../statistics.ts';

interface GrowthObjective extends Objective {
  readonly gauge: 'memory';
}

/** `growth(memory) <= 10%`: from the first to the last quarter of the window. */
export const check = checkOf<GrowthObjective>({
  kind: 'growth',
  words: ['growth'],
  parse: statement => ({ gauge: statement.oneOf(['memory'], 'a gauge'), ...statement.atMost('%') }),
  needsGauges: true,
  judge,
});

/** Minimum readings of a replica without a restart: a quarter of them must bound a median. */
export const MIN_READINGS = 24;

/**
 * Growth of a replica's memory in percent: the median of the last quarter of its readings over that of the first.
 *
 * ```
 * ├ first quarter ┤─────────────────────├ last quarter ┤      upper = upper(last) / lower(first) − 1
 *      median                                median           lower = lower(last) / upper(first) − 1
 * ```
 *
 * The bounds of each median are distribution-free, at 97.5 % so that both hold at 95 %; neighbouring readings are correlated, so in
 * short windows the bounds are slightly too narrow. Of a replica that restarted, its longest stretch between restarts is judged. The
 * worst replica decides, and nothing passes with one that ended for its memory. Memory grows while a process warms up, so the window
 * should start after that.
 */
function judge(objective: GrowthObjective, { window, run }: Evidence): Finding {
  const series = gaugeSeries(objective.gauge, run.events, window.fromMs, window.toMs);
  const runs = series.map(one => ({ replica: one.replica, values: longestRun(one, run.events) }));
  if (runs.length === 0) return undecided('inconclusive', unreported(objective.gauge, run.events));
  const samples = Math.min(...runs.map(({ values }) => values.length));
  const judged = runs.flatMap(({ replica, values }) => {
    const growth = growthOf(values);
    return growth ? [{ replica, ...growth }] : [];
  });
  const short = runs.find(({ values }) => values.length < MIN_READINGS);
  const few =
    short &&
    `${short.replica} has only ${short.values.length} readings without a restart; the minimum is ${MIN_READINGS}`;
  if (judged.length === 0) return undecided('inconclusive', `Too few samples: ${few}.`, samples);
  const worst = judged.reduce((a, b) => (b.measured > a.measured ? b : a));
  const max = (bound: 'lower' | 'upper') => Math.max(...judged.map(one => one[bound]));
  const found = { measured: worst.measured, lower: max('lower'), upper: max('upper'), samples };
  const verdict = verdictOf(objective, found);
  const result = `${worst.replica} grew most, from ${mebi(worst.first)} to ${mebi(worst.last)}`;
  const doubt = outOfMemory(window, run.events) ?? few;
  if (verdict === 'pass' && doubt) return { ...found, verdict: 'inconclusive', reason: `${result}, but ${doubt}.` };
  return { ...found, verdict, reason: `${result} (medians of the first and the last quarter).` };
}

/** Clause on a replica that ended in the window for its memory, which no reading between restarts shows; undefined if none did. */
function outOfMemory({ fromMs, toMs }: Window, events: readonly TimedEvent[]): string | undefined {
  const ended = events
    .filter(event => event.type === 'replica')
    .find(
      ({ atMs, state, detail = '' }) => atMs >= fromMs && atMs < toMs && state !== 'ready' && /\bOOM\b/.test(detail),
    );
  return ended && `${ended.replica} was ended for its memory in the window (${ended.detail})`;
}

/** Values of the longest stretch without a restart of the replica. */
function longestRun({ replica, readings }: GaugeSeries, events: readonly TimedEvent[]): number[] {
  const starts = events
    .filter(event => event.type === 'replica')
    .filter(event => event.replica === replica && event.state === 'ready')
    .map(event => event.atMs);
  const runs = Map.groupBy(
    readings.filter(({ value }) => value !== null),
    ({ atMs }) => starts.filter(start => start <= atMs).length,
  );
  const longest = [...runs.values()].reduce((a, b) => (b.length > a.length ? b : a), []);
  return longest.map(({ value }) => value!);
}

/** Growth between the quarters of the values; null for too few. */
function growthOf(values: readonly number[]) {
  if (values.length < MIN_READINGS) return null;
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
