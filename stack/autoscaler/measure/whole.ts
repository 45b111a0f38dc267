import { type MeasureContext, valueOfRule } from './measure.ts';
import { rulesFor } from './resolve.ts';
import { type Rule, type Rules, ruleSchema } from './rule.ts';

/** Names of resources of a pod, which need a rule: replicas are simulated. */
const RESOURCES = ['cpu', 'memory'];

/**
 * How a metric of a policy may be measured, of which the first that finds any series counts.
 * @param name under which the policy gets it; rules of the user's by that name come first
 */
export function rulesOfMetric(name: string, metric: string | object, rules: Rules): readonly Rule[] {
  if (Object.hasOwn(rules, name)) return [rules[name]!];
  if (typeof metric === 'object') return [ruleSchema.parse(metric)];
  return rulesFor(metric, rules, RESOURCES.includes(metric));
}

/** A value over all replicas. */
export interface Whole {
  readonly value: number | undefined;
  /** Whether a replica that should have the series had none when they were last read. */
  readonly isPartial: boolean;
}

/** Measures over all replicas and gateways, and tells whether some of them could not be read. */
export function measureWhole(rules: readonly Rule[], context: MeasureContext): Whole {
  for (const rule of rules) {
    const value = valueOfRule(rule, context);
    if (value !== undefined) return { value, isPartial: isPartial(rule, context) };
  }
  return { value: undefined, isPartial: false };
}

function isPartial(rule: Rule, { values, pods, deployment }: MeasureContext): boolean {
  if (!('series' in rule)) return false;
  const ready = new Set(pods.flatMap(pod => (pod.ready?.status === 'True' && !pod.isDeleted ? pod.name : [])));
  return values.isPartial(rule, (replica, service) => service !== deployment || ready.has(replica));
}
