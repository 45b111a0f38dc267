import { type Rule, type Rules, type SeriesRule, seriesRuleOf } from './rule.ts';

/** Window of rates and quantiles that no rule gives, in ms: that of the examples of the Prometheus adapter. */
const WINDOW_MS = 120_000;

/**
 * How a metric may be measured, of which the first that finds any series counts: by its rule, or by its name, as adapters of Prometheus
 * name metrics. A resource needs a rule, since replicas are simulated: what their processes use says nothing of the engine.
 *
 * | name                       | value                                             |
 * |----------------------------|---------------------------------------------------|
 * | `x`                        | gauge `x`, or rate of `x_total`, `x_seconds_total` |
 * | `x_per_second`             | rate of `x_total` or `x`                           |
 * | `x_p99`                    | 0.99-quantile of the histogram `x` or `x_seconds`  |
 */
export function rulesFor(metric: string, rules: Rules, isResource = false): readonly Rule[] {
  const own = Object.hasOwn(rules, metric) ? rules[metric] : undefined;
  if (own) return [own];
  if (isResource || !/^[A-Za-z_:][\w:]*$/.test(metric)) return [];
  const rate = (series: string) => seriesRuleOf({ series, as: 'rate', windowMs: WINDOW_MS });
  const perSecond = /^(.+)_per_second$/.exec(metric)?.[1];
  if (perSecond !== undefined) return [rate(`${perSecond}_total`), rate(perSecond), seriesRuleOf({ series: metric })];
  const [, base, digits] = /^(.+)_p(\d{2,3})$/.exec(metric) ?? [];
  if (base !== undefined) {
    const quantile = Number(`0.${digits}`);
    return [base, `${base}_seconds`].map(series =>
      seriesRuleOf({ series, as: 'quantile', quantile, windowMs: WINDOW_MS }),
    );
  }
  return [seriesRuleOf({ series: metric }), rate(`${metric}_total`), rate(`${metric}_seconds_total`)];
}

/** Name of the series that a rule reads. */
export function seriesOf({ as, series }: SeriesRule): string {
  return as === 'quantile' ? `${series}_bucket` : series;
}
