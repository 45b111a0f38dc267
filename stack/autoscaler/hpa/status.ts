import { type History, NO_HISTORY } from './history.ts';
import type { MetricStatus } from './metric.ts';

/** Types of conditions of an autoscaler. */
export type ConditionType = 'AbleToScale' | 'ScalingActive' | 'ScalingLimited' | 'ScaledToZero';

/** A condition: whether it holds, and why. Reasons are those of the controller. */
export interface Condition {
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

/** An autoscaler between two syncs: what its status shows, and what it remembers. */
export interface HpaState {
  readonly conditions: Readonly<Partial<Record<ConditionType, Condition>>>;
  readonly currentReplicas: number;
  readonly desiredReplicas: number;
  /** Of each metric of the spec; null where it failed. Empty when no metric was needed. */
  readonly currentMetrics: readonly (MetricStatus | null)[];
  readonly lastScaleMs?: number;
  /** Undefined until the workload was first seen. */
  readonly history?: History;
}

/** An autoscaler before its first sync. */
export const NEW_STATE: HpaState = { conditions: {}, currentReplicas: 0, desiredReplicas: 0, currentMetrics: [] };

/** Whatever has conditions. */
interface WithConditions {
  readonly conditions: Readonly<Partial<Record<ConditionType, Condition>>>;
}

/** Sets a condition. */
export function withCondition<State extends WithConditions>(
  state: State,
  type: ConditionType,
  status: Condition['status'],
  reason: string,
  message: string,
): State {
  return { ...state, conditions: { ...state.conditions, [type]: { status, reason, message } } };
}

/** Sets the condition that the workload was scaled. */
export function withRescale<State extends WithConditions>(state: State, desired: number): State {
  return withCondition(state, 'AbleToScale', 'True', 'SucceededRescale', `the target was scaled to ${desired}`);
}

/** Sets the condition that the workload could not be scaled. */
export function withoutRescale<State extends WithConditions>(state: State, message: string): State {
  return withCondition(state, 'AbleToScale', 'False', 'FailedUpdateScale', `the target was not scaled: ${message}`);
}

/** Sets the condition that the scale of the workload could not be read. */
export function unreadable<State extends WithConditions>(state: State, message: string): State {
  const words = `the scale of the target was not read: ${message}`;
  return withCondition(state, 'AbleToScale', 'False', 'FailedGetScale', words);
}

/** Removes a condition. */
export function withoutCondition(state: HpaState, type: ConditionType): HpaState {
  const { [type]: _removed, ...conditions } = state.conditions;
  return { ...state, conditions };
}

/** What is remembered; nothing before the first sync. */
export function historyOf({ history = NO_HISTORY }: HpaState): History {
  return history;
}
