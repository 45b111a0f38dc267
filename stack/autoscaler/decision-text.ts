import type { MetricStatus } from './hpa/metric.ts';
import { parseQuantity } from './hpa/quantity.ts';
import type { HpaMetric, HpaSpec } from './hpa/schema.ts';
import type { Decision } from './hpa/sync.ts';
import { nameOf } from './measure/measure.ts';

/** A metric with its current value and its target, as numbers; percent for a utilisation. */
export interface MetricValue {
  readonly name: string;
  /** Undefined where it could not be measured. */
  readonly value: number | undefined;
  readonly target: number;
  readonly unit: '' | ' %';
}

/** Values and targets of the metrics of a spec. @param statuses of a state, in the order of the metrics; empty if none was needed */
export function metricValues({ metrics }: HpaSpec, statuses: readonly (MetricStatus | null)[]): MetricValue[] {
  return metrics.map((metric, index) => {
    const target = targetOf(metric);
    const status = statuses[index];
    const name = nameOf(metric);
    if (target.averageUtilization !== undefined && !target.averageValue)
      return { name, value: status?.averageUtilization, target: target.averageUtilization, unit: ' %' };
    const text = status?.averageValue ?? status?.value;
    const goal = target.averageValue ?? target.value;
    const milli = text === undefined ? undefined : parseQuantity(text)?.milli;
    return {
      name,
      value: milli === undefined ? undefined : Number(milli) / 1000,
      target: Number(goal?.milli ?? 0n) / 1000,
      unit: '',
    };
  });
}

/**
 * One line for a decision: `4 -> 7: queue 12.3 / 5, limited by policy 100 %/15 s`, or `4: queue 5.1 / 5` if nothing changes. First comes
 * the metric that asked for most.
 */
export function decisionText(
  spec: HpaSpec,
  { current, desired, proposal, stabilized, limited, reason, state }: Decision,
): string {
  const values = metricValues(spec, proposal?.statuses ?? []);
  const leading = proposal?.index === undefined ? [] : [values[proposal.index]!];
  const shown = [...leading, ...values.filter(value => !leading.includes(value))];
  const active = state.conditions.ScalingActive;
  const parts = [
    ...(proposal ? shown.map(valueText) : [reason === '' ? (active?.message ?? '') : boundText(spec, current)]),
    ...(proposal && proposal.replicas === undefined ? ['nothing follows from that'] : []),
    ...(stabilized && stabilized.reason !== 'ReadyForNewScale'
      ? [
          `${stabilized.reason === 'ScaleUpStabilized' ? 'up' : 'down'} stabilised at ${stabilized.replicas} by its window`,
        ]
      : []),
    ...(limited && stabilized && limited.replicas !== stabilized.replicas ? [limitText(spec, limited)] : []),
  ];
  return changeText(current, desired, parts.join(', '));
}

/** `4 -> 7: queue 12.3 / 5`. */
export function changeText(current: number, desired: number, why: string): string {
  return `${current}${desired === current ? '' : ` -> ${desired}`}: ${why}`;
}

function valueText({ name, value, target, unit }: MetricValue): string {
  return `${name} ${value === undefined ? 'unknown' : Number(value.toPrecision(3))} / ${target}${unit}`;
}

type Bounds = Pick<HpaSpec, 'minReplicas' | 'maxReplicas'>;

/** Which bound a number of replicas is beyond. */
export function boundText({ minReplicas, maxReplicas }: Bounds, current: number): string {
  return current > maxReplicas ? `above maxReplicas ${maxReplicas}` : `below minReplicas ${minReplicas}`;
}

/** Which bound limits a number of replicas. */
export function boundLimitText(
  { minReplicas, maxReplicas }: Bounds,
  reason: 'TooManyReplicas' | 'TooFewReplicas',
): string {
  return `limited by ${reason === 'TooManyReplicas' ? `maxReplicas ${maxReplicas}` : `minReplicas ${minReplicas}`}`;
}

function limitText(spec: HpaSpec, { reason, policy }: NonNullable<Decision['limited']>): string {
  return reason === 'TooManyReplicas' || reason === 'TooFewReplicas'
    ? boundLimitText(spec, reason)
    : `limited by policy ${policy}`;
}

function targetOf(metric: HpaMetric) {
  switch (metric.type) {
    case 'Resource':
      return metric.resource.target;
    case 'ContainerResource':
      return metric.containerResource.target;
    case 'Pods':
      return metric.pods.target;
    case 'Object':
      return metric.object.target;
    case 'External':
      return metric.external.target;
  }
}
