import type { Pod } from './hpa/pods.ts';
import type { Condition } from './hpa/status.ts';
import type { MeasureContext } from './measure/measure.ts';
import type { Need } from './measure/values.ts';
import type { ScaleReading } from './scale-client.ts';

/** What an autoscaler sees in one sync. Times are those of production. */
export interface Sight {
  readonly scale: ScaleReading;
  readonly pods: readonly Pod[];
  /** What is measured with; read only if metrics are needed. */
  measured(): MeasureContext;
  readonly nowMs: number;
  readonly date: Date;
}

/** What one sync decides. */
export interface Outcome<State> {
  /** To be passed to `scaled` or `failed` if `rescale`. */
  readonly state: State;
  readonly current: number;
  /** Replicas to have now. */
  readonly desired: number;
  /** Whether the workload is to be scaled to `desired`. */
  readonly rescale: boolean;
  /** `4 -> 7: queue 12.3 / 5`. */
  readonly text: string;
  /** Whether no metric, or no policy, said anything. */
  readonly isBlind: boolean;
  /** Further fields for the log. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** What `/metrics` shows of a state. */
export interface Shown {
  readonly conditions: Readonly<Record<string, Condition>>;
  /** Values and targets of metrics. Undefined where nothing could be measured. */
  readonly metrics: readonly {
    readonly name: string;
    readonly value?: number | undefined;
    readonly target?: number | undefined;
  }[];
  /** What a policy says of itself. */
  readonly values?: Readonly<Record<string, number>>;
}

/**
 * What decides in the loop of an autoscaler: the HorizontalPodAutoscaler of Kubernetes, or a policy. Pure: all that it remembers is in the
 * state, which the loop keeps.
 */
export interface Decider<State> {
  /** For the log. */
  readonly name: string;
  readonly start: State;
  /** All that its metrics may be measured by. */
  readonly needs: readonly Need[];
  /** Container that the requests of a pod belong to. */
  readonly container: string;
  decide(state: State, sight: Sight): Outcome<State>;
  /** State after the workload was scaled as decided. */
  scaled(outcome: Outcome<State>, nowMs: number): State;
  /** State after that failed. @param before state before the sync */
  failed(outcome: Outcome<State>, before: State, message: string): State;
  /** State after the scale of the workload could not be read. */
  unreadable(state: State, message: string): State;
  show(state: State): Shown;
}
