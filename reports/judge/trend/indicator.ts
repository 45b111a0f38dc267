import type { HistoryRow } from '../../store/history-file.ts';
import type { TrendChange, TrendNight, TrendPoint } from '../../store/trend-document.ts';
import { defaultTolerance } from '../compare/compare.ts';
import type { NightSeries } from './change-points.ts';

/** Rows of a night, by its index. */
export interface NightRows {
  readonly night: number;
  readonly rows: readonly HistoryRow[];
}

/** An indicator as it is shown, and as it is tested. */
export interface Indicator {
  readonly points: readonly TrendPoint[];
  /** Nights that are tested, by the index of their point. */
  readonly tested: readonly number[];
  readonly series: NightSeries;
  readonly scale: Scale;
  /** Why it is not tested. */
  readonly untested?: string;
}

/** Scale on which nights are compared: of latencies and rates the logarithm, so that differences are parts of them. */
interface Scale {
  readonly of: (value: number) => number;
  readonly back: (value: number) => number;
  readonly isLog: boolean;
}

/** Normal quantile of the level of each bound, 95 %. */
const Z_95 = 1.645;
/** In virtual time the same code gives the same values on every night, so that intervals are all that there is to doubt. */
const VIRTUAL_FREEDOM = 1000;
/** In real time machines differ from night to night, by what only nights show. */
const REAL_FREEDOM = 2;

/** An indicator over its nights. @param nights at least one, each with at least one row, all with one definition, window and statistic */
export function indicatorOf(nights: readonly NightRows[]): Indicator {
  const rows = nights.flatMap(({ rows }) => rows);
  const isLog = rows[0]!.unit !== '%' && rows.every(({ value }) => value === null || value > 0);
  const scale: Scale = isLog
    ? { of: Math.log, back: Math.exp, isLog }
    : { of: value => value, back: value => value, isLog };
  // What a run without an interval is as certain as: the least certain of the others.
  const widest = Math.max(0, ...rows.map(row => errorOf(row, scale)));
  const means = meansOfRuns(rows, scale);
  const overall = means.size === 0 ? 0 : [...means.values()].reduce((sum, mean) => sum + mean, 0) / means.size;
  const spread = spreadOf(rows[0]!, overall, scale);
  const points: TrendPoint[] = [];
  const tested: number[] = [];
  const values: NightSeries['nights'][number][] = [];
  for (const { night, rows } of nights) {
    const measured = rows.filter(({ value }) => value !== null);
    const isInfinite = rows.some(({ infinite }) => infinite?.includes('measured'));
    const error = Math.hypot(...measured.map(row => errorOf(row, scale) || widest)) / measured.length;
    points.push(pointOf(night, rows, isInfinite, error, scale));
    if (isInfinite || measured.length === 0 || error === 0) continue;
    // Runs with other seeds differ by their seeds, which is no change where a night lacks one of them.
    const offset = measured.reduce((sum, row) => sum + scale.of(row.value!) - means.get(keyOf(row))!, 0);
    tested.push(points.length - 1);
    values.push({ value: overall + offset / measured.length, error: Math.hypot(error, spread) });
  }
  const freedom = rows[0]!.platform === 'virtual' ? VIRTUAL_FREEDOM : REAL_FREEDOM;
  const hasValue = points.some(({ value, isInfinite }) => value !== null || isInfinite);
  const untested = hasValue ? untestedBecause(widest, values.length) : 'No valid run has measured it.';
  return { points, tested, series: { nights: values, freedom }, scale, ...(untested !== undefined && { untested }) };
}

function untestedBecause(widest: number, nights: number): string | undefined {
  if (widest === 0) return 'Its values have no intervals.';
  return nights < 2 ? 'It takes two nights that measured a finite value.' : undefined;
}

/**
 * Changes as they are told.
 * @param firsts indices of the nights that were tested
 * @param objective tells what is worse
 */
export function changesOf(
  { points, tested, series, scale }: Indicator,
  firsts: readonly number[],
  objective: string,
  nights: readonly TrendNight[],
): TrendChange[] {
  const edges = [0, ...firsts, series.nights.length];
  const levels = edges.slice(1).map((to, part) => {
    const own = series.nights.slice(edges[part], to);
    return own.reduce((sum, { value }) => sum + value, 0) / own.length;
  });
  return firsts.map((first, index) => {
    const [night, after] = [points[tested[first]!]!.night, points[tested[first - 1]!]!.night];
    const isMore = levels[index + 1]! > levels[index]!;
    return {
      ...{ night, after, kind: isMore === objective.includes('<') ? 'worse' : 'better' },
      ...{ from: scale.back(levels[index]!), to: scale.back(levels[index + 1]!) },
      alsoChanged: alsoChanged(nights[after]!, nights[night]!),
    };
  });
}

function alsoChanged(before: TrendNight, now: TrendNight): string[] {
  return (['versions', 'machine'] as const).flatMap(part => {
    const keys = [...new Set([...Object.keys(before[part]), ...Object.keys(now[part])])];
    const changed = keys.filter(key => before[part][key] !== now[part][key]);
    return changed.map(key => `${key} ${before[part][key] ?? 'unknown'} → ${now[part][key] ?? 'unknown'}`);
  });
}

function pointOf(
  night: number,
  rows: readonly HistoryRow[],
  isInfinite: boolean,
  error: number,
  scale: Scale,
): TrendPoint {
  const measured = rows.flatMap(({ value }) => (value === null ? [] : [scale.of(value)]));
  const verdicts = rows.flatMap(({ verdict }) => verdict ?? []);
  const nothing = { night, value: null, lower: null, upper: null, isInfinite, verdicts };
  if (isInfinite || measured.length === 0) return nothing;
  if (rows.length === 1) {
    const { value, lower, upper } = rows[0]!;
    return { ...nothing, value, lower, upper };
  }
  const mean = measured.reduce((sum, value) => sum + value, 0) / measured.length;
  const bound = (sign: number) => (error > 0 ? scale.back(mean + sign * Z_95 * error) : null);
  return { ...nothing, value: scale.back(mean), lower: bound(-1), upper: bound(1) };
}

/** Standard error that the wider half of an interval stands for; 0 for a run without both bounds, or whose bounds are its value. */
function errorOf({ value, lower, upper }: HistoryRow, scale: Scale): number {
  if (value === null || lower === null || upper === null) return 0;
  const below = scale.isLog && lower <= 0 ? 0 : scale.of(value) - scale.of(lower);
  return Math.max(0, below, scale.of(upper) - scale.of(value)) / Z_95;
}

/** Spread from night to night that nothing has to show first: what `squall compare` tolerates. */
function spreadOf({ platform, unit }: HistoryRow, overall: number, { isLog }: Scale): number {
  const { latencyRatio, points } = defaultTolerance({ platform: platform as 'virtual' });
  if (unit === '%') return points;
  return isLog ? latencyRatio : latencyRatio * Math.abs(overall);
}

/** Mean of each run of a night, by seed and repeat, over the nights that have it. */
function meansOfRuns(rows: readonly HistoryRow[], scale: Scale): ReadonlyMap<string, number> {
  const groups = Map.groupBy(
    rows.filter(({ value }) => value !== null),
    keyOf,
  );
  return new Map(
    [...groups].map(([key, own]) => [key, own.reduce((sum, { value }) => sum + scale.of(value!), 0) / own.length]),
  );
}

const keyOf = ({ seed, repeat }: HistoryRow) => `${seed} ${repeat}`;
