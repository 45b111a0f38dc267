import { z } from 'zod';
import type { LabelSelector } from '../hpa/schema.ts';
import { isCron } from '../keda/cron.ts';

/** A value of exposed series, as adapters of Prometheus compute it. */
const seriesRule = z.strictObject({
  series: z
    .string()
    .regex(/^[A-Za-z_:][\w:]*$/, 'must be the name of a series')
    .describe('name of the series; of a histogram without _bucket'),
  as: z
    .enum(['gauge', 'rate', 'quantile'])
    .default('gauge')
    .describe('the value as it is, its increase per second, or a quantile of a histogram'),
  quantile: z.number().gt(0).lt(1).default(0.99),
  windowMs: z.number().min(1).max(3_600_000).default(60_000).describe('over which rates and quantiles are taken'),
  fold: z
    .enum(['sum', 'avg', 'max', 'min'])
    .default('sum')
    .describe('how the series of one replica, or of all, become one value'),
  labels: z
    .record(z.string(), z.string())
    .default({})
    .describe('labels that the series must have; service and pod are those of the replica'),
  absent: z
    .number()
    .optional()
    .describe('value of the whole where no series is found, as `or vector(0)` in a query; by default it is unknown'),
  lookbackMs: z
    .number()
    .min(0)
    .max(3_600_000)
    .default(0)
    .describe(
      'how long the last value of a gauge counts that is not scraped any more, of a deleted replica too: 5m where series are pushed or federated, since nothing marks them as stale',
    ),
  factor: z.number().default(1).describe('multiplies the value'),
});

/** A time of day, week or year. */
export const cronSchema = z.string().refine(isCron, 'must be a cron expression of five fields');
/** A time zone, by default UTC. */
export const timeZoneSchema = z
  .string()
  .default('UTC')
  .refine(isTimeZone, 'must be the name of a time zone, such as Europe/Berlin');
/** A number of replicas for a time of day. */
const scheduleRule = z.strictObject({
  timezone: timeZoneSchema,
  start: cronSchema,
  end: cronSchema,
  desiredReplicas: z.int().min(0),
});

/** How a metric that a spec names is measured. */
export const ruleSchema = z.union([seriesRule, scheduleRule]);

/** A value of series. `expressions`: what the selector of a metric demands of their labels beyond equality. */
export type SeriesRule = z.output<typeof seriesRule> & Readonly<{ expressions?: LabelSelector['matchExpressions'] }>;
/** A number of replicas for a time of day. */
export type ScheduleRule = z.output<typeof scheduleRule>;
/** How a metric is measured. */
export type Rule = SeriesRule | ScheduleRule;
/** Rules by the name of the metric. */
export type Rules = Readonly<Record<string, Rule>>;

/** A rule with its defaults. */
export function seriesRuleOf(rule: z.input<typeof seriesRule>): SeriesRule {
  return seriesRule.parse(rule);
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
