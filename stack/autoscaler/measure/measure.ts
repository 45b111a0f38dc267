import type { Pod } from '../hpa/pods.ts';
import type { Measured } from '../hpa/readings.ts';
import { type HpaMetric, isOfWhole, type LabelSelector } from '../hpa/schema.ts';
import { isBetween } from '../keda/cron.ts';
import { rulesFor } from './resolve.ts';
import type { Rule, Rules, SeriesRule } from './rule.ts';
import type { Need, Values } from './values.ts';

/** Container of a pod where no metric names one. */
const MAIN = 'main';

/** What metrics are measured with. */
export interface MeasureContext {
  readonly rules: Rules;
  readonly values: Values;
  readonly pods: readonly Pod[];
  /** Service whose replicas are the pods. */
  readonly deployment: string;
  /** Interval between scrapes: the window of a gauge, in ms, in the time of decisions. */
  readonly scrapeMs: number;
  readonly timeScale: number;
  readonly date: Date;
}

/** Name of the metric of a spec. */
export function nameOf(metric: HpaMetric): string {
  switch (metric.type) {
    case 'Resource':
      return metric.resource.name;
    case 'ContainerResource':
      return metric.containerResource.name;
    case 'Pods':
      return metric.pods.metric.name;
    case 'Object':
      return metric.object.metric.name;
    case 'External':
      return metric.external.metric.name;
  }
}

/** Name of the one container that a pod has, for the metrics of a spec: the one that they name. */
export function containerOf(metrics: readonly HpaMetric[]): string {
  return metrics.find(metric => metric.type === 'ContainerResource')?.containerResource.container ?? MAIN;
}

/** The candidates for the measurement of a metric. */
export function candidates(metric: HpaMetric, rules: Rules): readonly Rule[] {
  return rulesFor(nameOf(metric), rules, metric.type === 'Resource' || metric.type === 'ContainerResource');
}

/** What is read to measure a metric: the series of its rules that have the labels of its selector. */
export function needsOf(metric: HpaMetric, rules: Rules): Need[] {
  const of = isOfWhole(metric) ? 'whole' : 'replicas';
  return candidates(metric, rules).flatMap(rule =>
    'series' in rule ? [{ of, rule: withLabels(rule, selectorOf(metric)) }] : [],
  );
}

/**
 * Measures a metric: of each pod from its own series, of the whole from all series that have the labels of the selector.
 * @param container of pods, see {@link containerOf}
 */
export function measure(metric: HpaMetric, container: string, context: MeasureContext): Measured {
  const name = nameOf(metric);
  const rules = candidates(metric, context.rules);
  const selector = selectorOf(metric);
  const failed: Measured = { kind: 'failed', message: `no series of ${name} was scraped` };
  if (metric.type === 'Object' || metric.type === 'External') {
    const value = wholeOf(rules, selector, context);
    if (value === undefined) return failed;
    return metric.type === 'Object'
      ? { kind: 'object', milli: milli(value) }
      : { kind: 'external', milli: [milli(value)] };
  }
  for (const rule of rules) {
    if (!('series' in rule)) continue;
    const readings = perPod(withLabels(rule, selector), context);
    if (readings.length === 0) continue;
    if (metric.type === 'Pods') return { kind: 'pods', pods: readings };
    return {
      kind: 'containers',
      pods: readings.map(({ milli: used, ...rest }) => ({ ...rest, containers: { [container]: { [name]: used } } })),
    };
  }
  return failed;
}

function selectorOf(metric: HpaMetric): LabelSelector | undefined {
  switch (metric.type) {
    case 'Pods':
      return metric.pods.metric.selector;
    case 'Object':
      return metric.object.metric.selector;
    case 'External':
      return metric.external.metric.selector;
    default:
      return undefined;
  }
}

function perPod(rule: SeriesRule, { pods, values, timeScale, scrapeMs }: MeasureContext) {
  const byReplica = values.byReplica(rule);
  return pods.flatMap(({ name }) => {
    const found = byReplica.get(name);
    if (!found) return [];
    // In the time of the decision, as are the times of pods.
    const windowMs = rule.as === 'gauge' ? scrapeMs : rule.windowMs;
    return [{ pod: name, milli: milli(found.value), atMs: found.atMs * timeScale, windowMs }];
  });
}

function wholeOf(rules: readonly Rule[], selector: LabelSelector | undefined, context: MeasureContext) {
  for (const rule of rules) {
    const found = valueOfRule('series' in rule ? withLabels(rule, selector) : rule, context);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Value of a rule over all replicas and gateways; undefined if there is none. */
export function valueOfRule(rule: Rule, context: MeasureContext): number | undefined {
  if ('series' in rule) return context.values.whole(rule);
  const { start, end, timezone, desiredReplicas } = rule;
  return isBetween(start, end, timezone, context.date) ? desiredReplicas : 1;
}

function withLabels(rule: SeriesRule, selector: LabelSelector | undefined): SeriesRule {
  if (!selector) return rule;
  const { matchLabels, matchExpressions: expressions } = selector;
  return { ...rule, labels: { ...rule.labels, ...matchLabels }, ...(expressions && { expressions }) };
}

/** Thousandths, cut off as adapters do. */
function milli(value: number): bigint {
  return BigInt(Math.trunc(value * 1000));
}
