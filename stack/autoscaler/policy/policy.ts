import { z } from 'zod';
import type { ruleSchema } from '../measure/rule.ts';

/** A replica as a policy sees it. Times are in ms on the clock of `nowMs`. */
export interface PolicyPod {
  readonly name: string;
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';
  readonly isReady: boolean;
  /** Whether it is being ended. */
  readonly isEnding: boolean;
  readonly startedAtMs?: number;
}

/** What a policy decides from. Durations and times are those of production, which `stack.timeScale` divides. */
export interface PolicyInput<State = unknown> {
  /** Replicas that are asked for as of now, within the bounds. Some of them may still start. */
  readonly replicas: number;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly pods: readonly PolicyPod[];
  /** Value of each metric that the policy names; undefined where it could not be measured. */
  readonly metrics: Readonly<Record<string, number | undefined>>;
  /** What the policy returned as its state last time; undefined at first, and after a restart. */
  readonly state: State | undefined;
  /** Monotonic. */
  readonly nowMs: number;
  readonly date: Date;
}

/** What a policy decides. */
export interface PolicyDecision<State = unknown> {
  /** Replicas to have: a whole number ≥ 0, which the bounds limit. */
  readonly replicas: number;
  /** In a few words, for the log and the report: `queue 12.3 / 5`. */
  readonly reason: string;
  /** What it is to remember. @default what it remembered */
  readonly state?: State;
  /** Numbers about itself, for `/metrics`. */
  readonly values?: Readonly<Record<string, number>>;
}

/** How a metric is measured: its name, as in a HorizontalPodAutoscaler, or a rule. */
export type PolicyMetric = string | z.input<typeof ruleSchema>;

/**
 * A scaling policy: how many replicas there should be, as a pure function of what is seen. It reads no clock, waits for nothing and has no
 * variables of its own. Whatever it does, the autoscaler stays within the bounds, keeps the replicas if it throws or returns anything but
 * a decision, and does not scale down while a metric is unknown.
 */
export interface Policy<State = unknown, Options = unknown> {
  /** What it needs, by the name under which it gets it. */
  readonly metrics: Readonly<Record<string, PolicyMetric>>;
  /** Names of metrics without which it may scale down, such as a quantile that nothing counts towards while there is no load. */
  readonly mayBeMissing?: readonly string[];
  decide(input: PolicyInput<State>, options: Options): PolicyDecision<State>;
}

/** A kind of policy, complete in one file of `policies/`, which exports it as `policy` and is found by being there. */
export interface PolicyKind<Options extends z.ZodObject = z.ZodObject, State = unknown> {
  /** Name in scenario files. */
  readonly kind: string;
  /** One sentence for the documentation. */
  readonly summary: string;
  /** Its own keys beside `kind` and the bounds; `windowMs` here is `window: 30s` there. */
  readonly options: Options;
  /** Whether `minReplicas` may be 0. @default false */
  readonly scalesToZero?: boolean;
  metrics(options: z.output<Options>): Policy['metrics'];
  /** See {@link Policy.mayBeMissing}. @default none */
  mayBeMissing?(options: z.output<Options>): readonly string[];
  decide(input: PolicyInput<State>, options: z.output<Options>): PolicyDecision<State>;
}

/** A duration among the options of a policy: at most a day, in ms. */
export const durationMs = z.number().min(0).max(86_400_000);

/** Types a kind of policy from its options. */
export function policyKind<State>() {
  return <Options extends z.ZodObject>(kind: PolicyKind<Options, State>) => kind as unknown as PolicyKind;
}
