import type { Decider, Outcome, Sight } from '../decider.ts';
import { changeText } from '../decision-text.ts';
import type { Pod } from '../hpa/pods.ts';
import { type Condition, type ConditionType, unreadable, withoutRescale, withRescale } from '../hpa/status.ts';
import type { Rules } from '../measure/rule.ts';
import { measureWhole, rulesOfMetric } from '../measure/whole.ts';
import { type Guarded, guarded } from './guard.ts';
import type { Policy, PolicyPod } from './policy.ts';

interface PolicyState {
  /** What the policy remembers. */
  readonly own: unknown;
  readonly conditions: Readonly<Partial<Record<ConditionType, Condition>>>;
  readonly metrics: Readonly<Record<string, number | undefined>>;
  readonly values: Readonly<Record<string, number>>;
}

/** Container of a pod, of which policies know nothing. */
const CONTAINER = 'main';

/**
 * A policy in the loop of the autoscaler, see {@link guarded}. Its conditions have the names of the HorizontalPodAutoscaler's.
 * @param rules of the user's, which replace how the policy measures its metrics
 */
export function policyDecider<Options>(
  name: string,
  policy: Policy<unknown, Options>,
  options: Options,
  bounds: { readonly minReplicas: number; readonly maxReplicas: number },
  rules: Rules,
): Decider<PolicyState> {
  const measured = Object.entries(policy.metrics).map(
    ([key, metric]) => [key, rulesOfMetric(key, metric, rules)] as const,
  );
  return {
    name,
    start: { own: undefined, conditions: {}, metrics: {}, values: {} },
    needs: measured.flatMap(([, candidates]) =>
      candidates.flatMap(rule => ('series' in rule ? [{ of: 'whole' as const, rule }] : [])),
    ),
    container: CONTAINER,
    decide(
      before,
      { scale: { replicas: current }, pods, measured: contextOf, nowMs, date }: Sight,
    ): Outcome<PolicyState> {
      const context = contextOf();
      const found = measured.map(([key, candidates]) => [key, measureWhole(candidates, context)] as const);
      const metrics = Object.fromEntries(found.map(([key, { value }]) => [key, value]));
      const partial = found.filter(([, { isPartial }]) => isPartial).map(([key]) => key);
      const seen = { ...bounds, metrics, state: before.own, nowMs, date, replicas: current, pods: pods.map(podOf) };
      const decision = guarded(policy, options, seen, partial);
      const { replicas: desired, reason, wanted, limit, values = {} } = decision;
      const unknown = Object.keys(metrics).filter(key => metrics[key] === undefined);
      return {
        state: { own: decision.state, conditions: conditionsOf(decision, unknown), metrics, values },
        ...{ current, desired, rescale: desired !== current },
        text: changeText(current, desired, reason),
        isBlind: limit === 'PolicyFailed' || (unknown.length > 0 && unknown.length === found.length),
        details: {
          wanted,
          limited: limit,
          metrics: valuesOf(metrics),
          ...(partial.length > 0 && { partial }),
          ...values,
        },
      };
    },
    scaled: ({ state, desired }) => withRescale(state, desired),
    failed: (_, before, message) => withoutRescale(before, message),
    unreadable,
    show: ({ conditions, metrics, values }) => ({ conditions, values, metrics: valuesOf(metrics) }),
  };
}

function podOf({ name, phase, ready, isDeleted = false, startedAtMs }: Pod): PolicyPod {
  const isReady = ready?.status === 'True';
  return { name, phase, isReady, isEnding: isDeleted, ...(startedAtMs !== undefined && { startedAtMs }) };
}

function valuesOf(metrics: PolicyState['metrics']) {
  return Object.entries(metrics).map(([name, value]) => ({ name, value }));
}

function conditionsOf({ limit, reason, wanted, replicas }: Guarded, unknown: readonly string[]) {
  const isLimited = limit === 'TooManyReplicas' || limit === 'TooFewReplicas';
  const active: Condition =
    limit === 'PolicyFailed'
      ? { status: 'False', reason: 'PolicyFailed', message: reason }
      : unknown.length > 0
        ? { status: 'False', reason: 'MissingMetrics', message: `unknown: ${unknown.join(', ')}` }
        : { status: 'True', reason: 'ValidMetricFound', message: reason };
  return {
    AbleToScale: { status: 'True', reason: 'SucceededGetScale', message: 'the scale of the target was read' },
    ScalingActive: active,
    ScalingLimited: {
      status: isLimited ? 'True' : 'False',
      reason: isLimited ? limit : 'DesiredWithinRange',
      message: `${wanted ?? replicas} became ${replicas}`,
    },
  } satisfies PolicyState['conditions'];
}
