import { withEvent } from './history.ts';
import { type Limited, limit, type Stabilized, stabilize } from './limits.ts';
import type { Pod } from './pods.ts';
import { type Proposal, proposeForAll } from './proposal.ts';
import type { Measured } from './readings.ts';
import { type HpaSpec, isOfWhole } from './schema.ts';
import type { HpaSettings } from './settings.ts';
import { type HpaState, historyOf, withCondition, withoutCondition, withoutRescale, withRescale } from './status.ts';
import { tolerancesOf } from './tolerance.ts';

/** What an autoscaler sees in one sync. */
export interface Observation {
  /** Desired replicas of the workload, as its scale has them. */
  readonly current: number;
  /** Replicas that exist. */
  readonly existing: number;
  readonly pods: readonly Pod[];
  /** Of each metric of the spec, in its order. Needed only if {@link needsMetrics}. */
  readonly measured: readonly Measured[];
  /** Whether another autoscaler has the same pods. */
  readonly isAmbiguous?: boolean;
  readonly nowMs: number;
}

/** What one sync decides. */
export interface Decision {
  /** The autoscaler's state, to be passed to {@link rescaled} or {@link rescaleFailed} if `rescale`. */
  readonly state: HpaState;
  readonly current: number;
  /** Replicas to have now. */
  readonly desired: number;
  /** Whether the workload is to be scaled to `desired`. */
  readonly rescale: boolean;
  /** Why it is scaled; empty if it is not, or if only limits changed. */
  readonly reason: string;
  /** What metrics ask for; absent if they were not needed. */
  readonly proposal?: Proposal;
  readonly stabilized?: Stabilized;
  readonly limited?: Limited;
}

type Plan =
  | { readonly kind: 'metrics' }
  | { readonly kind: 'disabled' }
  | { readonly kind: 'bound'; readonly desired: number; readonly reason: string };

/** Whether metrics decide: not if the workload was scaled to 0 by hand or is outside its bounds. */
export function needsMetrics(spec: HpaSpec, settings: HpaSettings, state: HpaState, current: number): boolean {
  return planOf(spec, settings, state, current).kind === 'metrics';
}

/** One sync of the HorizontalPodAutoscaler of Kubernetes v1.36: pure, a function of what it is given. */
export function sync(spec: HpaSpec, settings: HpaSettings, before: HpaState, seen: Observation): Decision {
  const { current, nowMs } = seen;
  const found = withCondition(before, 'AbleToScale', 'True', 'SucceededGetScale', 'the scale of the target was read');
  const state: HpaState = {
    ...found,
    currentReplicas: current,
    history: before.history ?? { ...historyOf(before), recommendations: [{ replicas: current, atMs: nowMs }] },
  };
  const plan = planOf(spec, settings, before, current);
  if (plan.kind === 'metrics') return byMetrics(spec, settings, state, seen);
  if (plan.kind === 'bound')
    return { state: settled(state, plan.desired), current, rescale: true, desired: plan.desired, reason: plan.reason };
  const off = withCondition(state, 'ScalingActive', 'False', 'ScalingDisabled', 'the target has 0 replicas by hand');
  const disabled = settings.scaleToZero ? off : withoutCondition(off, 'ScaledToZero');
  return { state: settled(disabled, 0), current, desired: 0, rescale: false, reason: '' };
}

/** State after the workload was scaled as decided, at `nowMs`. */
export function rescaled(spec: HpaSpec, settings: HpaSettings, decision: Decision, nowMs: number): HpaState {
  const { current, desired, state } = decision;
  const rules = desired > current ? spec.behavior?.scaleUp : spec.behavior?.scaleDown;
  const history = historyOf(state);
  const next: HpaState = {
    ...withRescale(state, desired),
    lastScaleMs: nowMs,
    history: rules ? withEvent(history, desired - current, rules, nowMs) : history,
  };
  if (!settings.scaleToZero) return withoutCondition(next, 'ScaledToZero');
  return current > 0 && desired === 0 && spec.minReplicas === 0 && spec.metrics.some(isOfWhole)
    ? withCondition(next, 'ScaledToZero', 'True', 'ScaledToZero', 'the target was scaled to 0 by this autoscaler')
    : withCondition(next, 'ScaledToZero', 'False', 'NotScaledToZero', 'the target was not scaled to 0');
}

/** State after the workload could not be scaled as decided. @param desiredBefore desired replicas of the state before the sync */
export function rescaleFailed({ state }: Decision, desiredBefore: number, message: string): HpaState {
  return { ...withoutRescale(state, message), desiredReplicas: desiredBefore };
}

function planOf(spec: HpaSpec, { scaleToZero }: HpaSettings, { conditions }: HpaState, current: number): Plan {
  const { minReplicas, maxReplicas, metrics } = spec;
  if (current === 0) {
    const isOwnZero = scaleToZero && conditions.ScaledToZero?.status === 'True';
    return { kind: isOwnZero && (minReplicas !== 0 || metrics.some(isOfWhole)) ? 'metrics' : 'disabled' };
  }
  if (current > maxReplicas)
    return { kind: 'bound', desired: maxReplicas, reason: 'Current number of replicas above Spec.MaxReplicas' };
  if (current < minReplicas)
    return { kind: 'bound', desired: minReplicas, reason: 'Current number of replicas below Spec.MinReplicas' };
  return { kind: 'metrics' };
}

function byMetrics(spec: HpaSpec, settings: HpaSettings, state: HpaState, seen: Observation): Decision {
  const { current, nowMs } = seen;
  if (seen.isAmbiguous) {
    const message = 'another autoscaler has the same pods';
    const next = withCondition(state, 'ScalingActive', 'False', 'AmbiguousSelector', message);
    return { state: { ...next, currentMetrics: [] }, current, desired: current, rescale: false, reason: '' };
  }
  const proposal = proposeForAll(spec, seen.measured, { ...seen, settings, tolerances: tolerancesOf(spec, settings) });
  if (proposal.replicas === undefined) {
    const { reason, message } = proposal.failure!;
    const failed = withCondition(state, 'ScalingActive', 'False', reason, message);
    return {
      ...{ state: { ...failed, currentMetrics: proposal.statuses }, current, desired: current, rescale: false },
      ...{ reason: '', proposal },
    };
  }
  const active = withCondition(state, 'ScalingActive', 'True', 'ValidMetricFound', proposal.metric);
  const wanted = Math.max(proposal.replicas, 0);
  const stabilized = stabilize(wanted, current, spec.behavior, settings, historyOf(state), nowMs);
  const able = withCondition(
    active,
    'AbleToScale',
    'True',
    stabilized.reason,
    `${wanted} became ${stabilized.replicas}`,
  );
  const limited = limit(stabilized.replicas, current, spec, historyOf(state), nowMs);
  const isLimited = limited.replicas !== stabilized.replicas;
  const message = `${stabilized.replicas} became ${limited.replicas}`;
  const next = withCondition(able, 'ScalingLimited', isLimited ? 'True' : 'False', limited.reason, message);
  // A minimum that was raised while the autoscaler had scaled to 0.
  const isRaised = current === 0 && limited.replicas < spec.minReplicas;
  const desired = isRaised ? spec.minReplicas : limited.replicas;
  return {
    state: settled(
      { ...next, history: { ...historyOf(state), recommendations: stabilized.recommendations } },
      desired,
      proposal,
    ),
    ...{ current, desired, rescale: desired !== current, proposal, stabilized, limited },
    reason:
      reasonOf(wanted, current, proposal) || (isRaised ? 'Current number of replicas below Spec.MinReplicas' : ''),
  };
}

function reasonOf(wanted: number, current: number, { metric }: Proposal): string {
  if (wanted > current) return `${metric} above target`;
  return wanted < current ? 'All metrics below target' : '';
}

function settled(state: HpaState, desiredReplicas: number, proposal?: Proposal): HpaState {
  return { ...state, desiredReplicas, currentMetrics: proposal?.statuses ?? [] };
}
