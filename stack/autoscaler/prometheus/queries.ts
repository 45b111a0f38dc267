import { seriesOf } from '../measure/resolve.ts';
import type { SeriesRule } from '../measure/rule.ts';
import type { Need } from '../measure/values.ts';

/** Names that the labels of a replica have in the Prometheus of a stack, by those in rules. */
const LABELS: Readonly<Record<string, string>> = { pod: 'replica', instance: 'replica', service: 'job', job: 'job' };
/** How long Prometheus takes the last sample of a series for its value, unless the series is marked as stale; in production. */
const LOOKBACK_MS = 300_000;

/** What queries depend on, besides their rule. */
export interface QueryTimes {
  /** Divides the windows of rules. */
  readonly timeScale: number;
  /** Interval of Prometheus' scrapes, in ms. */
  readonly scrapeEveryMs: number;
}

/**
 * Query for a value, as prometheus-adapter and KEDA send it. `factor` and `absent` of the rule are not in it, so that a query which
 * fails is no series that is missing.
 *
 * | rule       | query                                                                       |
 * |------------|-----------------------------------------------------------------------------|
 * | `gauge`    | `sum by (replica) (x{…})`; with a lookback `last_over_time(x{…}[…])` of it   |
 * | `rate`     | `sum by (replica) (rate(x{…}[…]))`                                          |
 * | `quantile` | `histogram_quantile(0.99, sum by (replica, le) (rate(x_bucket{…}[…])))`     |
 */
export function queryFor({ rule, of }: Need, { timeScale }: QueryTimes): string {
  const { as, quantile, windowMs, fold, lookbackMs } = rule;
  const series = selectorOf(rule);
  const by = (...labels: string[]) => {
    const all = of === 'replicas' ? ['replica', ...labels] : labels;
    return all.length > 0 ? ` by (${all.join(', ')}) ` : '';
  };
  const rate = `rate(${series}${rangeOf(windowMs / timeScale)})`;
  if (as === 'quantile') return `histogram_quantile(${quantile}, sum${by('le')}(${rate}))`;
  if (as === 'rate') return `${fold}${by()}(${rate})`;
  return `${fold}${by()}(${lookbackMs > 0 ? `last_over_time(${series}${rangeOf(lookbackMs / timeScale)})` : series})`;
}

/** Query for the services that have had series of a rule lately. */
export function servicesQuery(rule: SeriesRule, times: QueryTimes): string {
  const { windowMs, lookbackMs } = rule;
  const range = rangeOf(Math.max(windowMs / times.timeScale, lookbackMs / times.timeScale, lookbackOf(times)));
  return `group by (job) (last_over_time(${selectorOf(rule)}${range}))`;
}

/** Query for the last scrapes of all replicas. */
export function scrapesQuery(times: QueryTimes): string {
  return `up${rangeOf(lookbackOf(times))}`;
}

/** How long the last sample of a series counts where Prometheus does not mark it as stale, since it was itself away; in ms. */
export function lookbackOf({ timeScale, scrapeEveryMs }: QueryTimes): number {
  return Math.max(2 * scrapeEveryMs, LOOKBACK_MS / timeScale);
}

/** `[1500ms]`. */
function rangeOf(ms: number): string {
  return `[${Math.max(1, Math.round(ms))}ms]`;
}

function selectorOf(rule: SeriesRule): string {
  const equal = Object.entries(rule.labels).map(([key, value]) => `${LABELS[key] ?? key}=${JSON.stringify(value)}`);
  const matchers = [...equal, ...(rule.expressions ?? []).map(matcherOf)];
  return `${seriesOf(rule)}${matchers.length > 0 ? `{${matchers.join(',')}}` : ''}`;
}

/** As prometheus-adapter writes it: a label that is not there is an empty one. */
function matcherOf({ key, operator, values = [] }: Expression): string {
  const label = LABELS[key] ?? key;
  if (operator === 'Exists') return `${label}!=""`;
  if (operator === 'DoesNotExist') return `${label}=""`;
  const pattern = values.map(value => value.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&')).join('|');
  return `${label}${operator === 'In' ? '=~' : '!~'}${JSON.stringify(pattern)}`;
}

type Expression = NonNullable<SeriesRule['expressions']>[number];
