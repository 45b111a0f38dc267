import { type PodsContext, type PodsProposal, proposeForAverage, proposeForUtilization } from './per-pod.ts';
import { formatMilli } from './quantity.ts';
import { type Measured, MetricFailure, readingsByPod } from './readings.ts';
import type { HpaMetric, LabelSelector } from './schema.ts';
import {
  proposeForShare,
  proposeForValue,
  sumForShare,
  sumForValue,
  type TotalsContext,
  type TotalsProposal,
} from './totals.ts';

/** Everything a metric is judged with. */
export type MetricContext = PodsContext & TotalsContext;

/** Current values of a metric, as `status.currentMetrics[].*.current` has them. */
export interface MetricStatus {
  readonly value?: string;
  readonly averageValue?: string;
  readonly averageUtilization?: number;
}

/** What one metric asks for. */
export interface MetricProposal {
  readonly replicas: number;
  /** Words for the metric in reasons of the controller. */
  readonly metric: string;
  readonly status: MetricStatus;
}

/**
 * What one metric of a spec asks for.
 * @throws MetricFailure if that cannot be said
 */
export function proposeFor(metric: HpaMetric, measured: Measured, context: MetricContext): MetricProposal {
  switch (metric.type) {
    case 'Resource':
      return ofResource(metric.resource, undefined, measured, context);
    case 'ContainerResource':
      return ofResource(metric.containerResource, metric.containerResource.container, measured, context);
    case 'Pods': {
      const { metric: of, target } = metric.pods;
      const proposal = proposeForAverage(readingsByPod(measured), target.averageValue!.milli, undefined, context);
      return perPod(`pods metric ${of.name}`, proposal);
    }
    case 'Object': {
      const { metric: of, target, describedObject } = metric.object;
      const milli = single(measured);
      if (target.type === 'Value' && target.value)
        return whole(`${describedObject.kind} metric ${of.name}`, proposeForValue(milli, target.value.milli, context));
      if (target.type === 'AverageValue' && target.averageValue)
        return shared(of, proposeForShare(milli, target.averageValue.milli, false, context));
      throw new MetricFailure(`the target of type ${target.type} has no such value`);
    }
    case 'External': {
      const { metric: of, target } = metric.external;
      const series = several(measured);
      return target.averageValue
        ? shared(of, proposeForShare(sumForShare(series), target.averageValue.milli, true, context))
        : whole(external(of), proposeForValue(sumForValue(series), target.value!.milli, context));
    }
  }
}

/** Reason of the condition ScalingActive when a metric of a type fails. */
export function failureReason({ type }: HpaMetric): string {
  return `FailedGet${type}Metric`;
}

function ofResource(
  { name, target }: Extract<HpaMetric, { type: 'Resource' }>['resource'],
  container: string | undefined,
  measured: Measured,
  context: MetricContext,
): MetricProposal {
  const readings = readingsByPod(measured, name, container);
  const isBinary = name === 'memory';
  if (target.averageValue)
    return perPod(`${name} resource`, proposeForAverage(readings, target.averageValue.milli, name, context), isBinary);
  const proposal = proposeForUtilization(readings, target.averageUtilization!, name, container, context);
  const part = container === undefined ? '' : 'container ';
  return perPod(`${name} ${part}resource utilization (percentage of request)`, proposal, isBinary);
}

function perPod(metric: string, { replicas, averageMilli, percent }: PodsProposal, isBinary = false): MetricProposal {
  const status = { averageValue: formatMilli(averageMilli, isBinary) };
  return { replicas, metric, status: percent === undefined ? status : { ...status, averageUtilization: percent } };
}

function whole(metric: string, { replicas, milli }: TotalsProposal): MetricProposal {
  return { replicas, metric, status: { value: formatMilli(milli) } };
}

/** The controller speaks of an external metric for objects too. */
function shared(of: { name: string; selector?: LabelSelector | undefined }, proposal: TotalsProposal): MetricProposal {
  const { replicas, milli } = proposal;
  return { replicas, metric: external(of), status: { averageValue: formatMilli(milli) } };
}

function external({ name, selector }: { name: string; selector?: LabelSelector | undefined }): string {
  return `external metric ${name}(${selector ? selectorText(selector) : 'nil'})`;
}

/** A selector as the controller prints it. */
function selectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const labels = Object.entries(matchLabels).sort(([a], [b]) => (a < b ? -1 : 1));
  const requirements = matchExpressions.map(
    ({ key, operator, values = [] }) =>
      `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
  );
  const map = `map[string]string{${labels.map(([key, value]) => `${key}: ${value},`).join('')}}`;
  return `&LabelSelector{MatchLabels:${map},MatchExpressions:[]LabelSelectorRequirement{${requirements.join('')}},}`;
}

function single(measured: Measured): bigint {
  if (measured.kind === 'failed') throw new MetricFailure(measured.message);
  if (measured.kind !== 'object') throw new MetricFailure(`expected a single value, got one of kind ${measured.kind}`);
  return measured.milli;
}

function several(measured: Measured): readonly bigint[] {
  if (measured.kind === 'failed') throw new MetricFailure(measured.message);
  if (measured.kind !== 'external') throw new MetricFailure(`expected series, got a value of kind ${measured.kind}`);
  if (measured.milli.length === 0) throw new MetricFailure('no metrics were returned');
  return measured.milli;
}
