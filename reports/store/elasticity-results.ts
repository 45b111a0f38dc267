/** Stage of a scaling reaction, as objectives name it. */
type ScalingStage = 'signal' | 'decided' | 'started' | 'ready' | 'served' | 'restored';

/** Course of a scaling reaction; times in ms from the start of the load phase, null for what was not observed. */
export interface ScalingResult {
  readonly trigger: string;
  readonly direction: 'up' | 'down';
  readonly stepAtMs: number;
  readonly signalAtMs: number | null;
  readonly decidedAtMs: number | null;
  readonly startedAtMs: number | null;
  readonly readyAtMs: number | null;
  readonly firstServedAtMs: number | null;
  readonly restoredAtMs: number | null;
  /** Between which instants a stage happened, by what was observed. */
  readonly intervals: Readonly<Partial<Record<ScalingStage, readonly [number, number]>>>;
  /** Why a stage was not observed. */
  readonly missing: Readonly<Partial<Record<ScalingStage, string>>>;
  /** Objectives that the step broke. */
  readonly broken: readonly string[];
  /** Whether it called for another number of replicas. */
  readonly isNeeded: boolean;
}

/** Cost of the load phase, in dollars, at prices of an hour of the run's own time. */
export interface CostResult {
  readonly dollars: number;
  /** Nodes or replicas that were paid for, on average. */
  readonly instances: number;
  /** Where the prices are from. */
  readonly source: string;
  /** Of completed requests. */
  readonly per1000Requests: number;
  /** Of the tokens of their prompts and outputs; null without any. */
  readonly perMillionTokens: number | null;
}

/** Decision of the autoscaler; several in a row that kept the number of replicas, and proposed the same, are one. */
export interface DecisionRow {
  readonly atMs: number;
  readonly current: number;
  readonly proposal: number;
  readonly desired: number;
  readonly reason: string;
  /** Number of decisions in a row, of which this is the first, that kept it; absent for one that changed it. */
  readonly kept?: number;
}

/** Scaled replicas at the end of each slot; `existing` includes those that start. */
export interface ReplicaSeries {
  readonly desired: readonly number[];
  readonly existing: readonly number[];
  readonly ready: readonly number[];
}
