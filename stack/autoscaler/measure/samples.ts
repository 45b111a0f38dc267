import type { ExposedSample } from '../../observability/exposition.ts';
import { seriesOf } from './resolve.ts';
import type { SeriesRule } from './rule.ts';
import type { Evaluated } from './values.ts';

/** One scrape of a replica. `samples` is undefined if it failed. */
export interface Scrape {
  /** In ms, on the clock of the scraper. */
  readonly atMs: number;
  readonly samples: readonly ExposedSample[] | undefined;
}

/** A replica and its scrapes, oldest first. */
export interface ScrapedSource {
  readonly name: string;
  readonly service: string;
  readonly scrapes: readonly Scrape[];
}

/**
 * Value of a rule over all series of `sources`, or undefined without any: of a gauge as last scraped, so that it is unknown once a scrape
 * fails, unless it has a lookback; of a rate and of the buckets of a histogram their increase over the window, as far as it was scraped, per second. A counter that
 * became smaller started again at 0. Windows are not extrapolated to their edges as Prometheus does.
 * @param windowMs of the rule, on the clock of the scraper
 * @param lookbackMs of the rule, likewise
 */
export function evaluate(
  rule: SeriesRule,
  sources: readonly ScrapedSource[],
  windowMs: number,
  nowMs: number,
  lookbackMs = 0,
): Evaluated | undefined {
  const series = seriesOf(rule);
  const found = sources.flatMap(source => {
    const value =
      rule.as === 'gauge' ? newest(source, nowMs - lookbackMs) : increases(source, series, nowMs - windowMs);
    if (!value) return [];
    const matching = value.samples.filter(({ name, labels }) => name === series && isMatch(rule, source, labels));
    return matching.length === 0 ? [] : [{ atMs: value.atMs, samples: matching }];
  });
  if (found.length === 0) return undefined;
  const atMs = Math.max(...found.map(each => each.atMs));
  const samples = found.flatMap(each => each.samples);
  const value =
    rule.as === 'quantile'
      ? quantileOf(samples, rule.quantile)
      : fold(
          samples.map(each => each.value),
          rule.fold,
        );
  return Number.isFinite(value) ? { value: value * rule.factor, atMs } : undefined;
}

/** The last scrape, or the last one since `sinceMs` that had samples. */
function newest({ scrapes }: ScrapedSource, sinceMs: number) {
  const last = scrapes.at(-1);
  const found = last?.samples ? last : scrapes.findLast(({ atMs, samples }) => atMs >= sinceMs && samples);
  return found?.samples && { atMs: found.atMs, samples: found.samples };
}

/** Increase of each counter of a name since `sinceMs`, per second; undefined with fewer than two scrapes. */
function increases({ scrapes }: ScrapedSource, name: string, sinceMs: number): ReturnType<typeof newest> {
  const taken = scrapes.filter(({ atMs, samples }) => atMs >= sinceMs && samples);
  const [first, last] = [taken[0], taken.at(-1)];
  if (!first || !last || last.atMs === first.atMs) return undefined;
  const totals = new Map<string, { last: number; increase: number }>();
  for (const { samples } of taken)
    for (const sample of samples!) {
      if (sample.name !== name) continue;
      const before = totals.get(sample.labels);
      const added = before === undefined ? 0 : sample.value >= before.last ? sample.value - before.last : sample.value;
      totals.set(sample.labels, { last: sample.value, increase: (before?.increase ?? 0) + added });
    }
  const seconds = (last.atMs - first.atMs) / 1000;
  const samples = [...totals].map(([labels, { increase }]) => ({ name, labels, value: increase / seconds }));
  return { atMs: last.atMs, samples };
}

function isMatch({ labels: wanted, expressions = [] }: SeriesRule, source: ScrapedSource, labels: string): boolean {
  const { name, service } = source;
  const valuesOf = (key: string) => {
    const own: Record<string, string> = { pod: name, instance: name, service, job: service };
    return [own[key], labelIn(labels, key)].filter(value => value !== undefined);
  };
  return (
    Object.entries(wanted).every(([key, value]) => valuesOf(key).includes(value)) &&
    expressions.every(({ key, operator, values = [] }) => {
      const found = valuesOf(key);
      if (operator === 'Exists' || operator === 'DoesNotExist') return found.length > 0 === (operator === 'Exists');
      return found.some(value => values.includes(value)) === (operator === 'In');
    })
  );
}

function labelIn(labels: string, key: string): string | undefined {
  return new RegExp(`(?:^|,)\\s*${key}="((?:[^"\\\\]|\\\\.)*)"`).exec(labels)?.[1];
}

function fold(values: readonly number[], by: SeriesRule['fold']): number {
  const sum = values.reduce((total, value) => total + value, 0);
  if (by === 'sum') return sum;
  if (by === 'avg') return sum / values.length;
  return by === 'max' ? Math.max(...values) : Math.min(...values);
}

/**
 * Quantile of a histogram by linear interpolation within a bucket, as `histogram_quantile` of Prometheus; the highest finite bound if it
 * lies beyond it, NaN without observations.
 */
function quantileOf(buckets: readonly ExposedSample[], quantile: number): number {
  const byBound = new Map<number, number>();
  for (const { labels, value } of buckets) {
    const bound = labelIn(labels, 'le');
    if (bound === undefined) continue;
    const le = bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound);
    byBound.set(le, (byBound.get(le) ?? 0) + value);
  }
  const sorted = [...byBound].sort(([a], [b]) => a - b);
  const total = sorted.at(-1)?.[1] ?? 0;
  if (total === 0 || sorted.length < 2) return Number.NaN;
  const rank = quantile * total;
  const index = sorted.findIndex(([, count]) => count >= rank);
  const [bound, count] = sorted[index]!;
  if (bound === Number.POSITIVE_INFINITY) return sorted.at(-2)![0];
  const [from, below] = index === 0 ? [0, 0] : sorted[index - 1]!;
  return count === below ? bound : from + ((bound - from) * (rank - below)) / (count - below);
}
