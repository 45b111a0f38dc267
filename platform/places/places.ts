import type { Replica } from '../../harness/contracts.ts';

/** A replica that says when its instance was started, and when it entered its state, on the clock of its platform. */
export type TimedReplica = Replica & {
  readonly startedAtMs?: number | undefined;
  readonly stateAtMs?: number | undefined;
};

/** What of a pod does not follow from its replica. */
export interface Place {
  /** Node that it is on, in a stack with nodes. */
  readonly node?: string | undefined;
  /** Why it does not run, in words; undefined where nothing keeps it from that. */
  readonly message?: string | undefined;
  /** Whether it was told to end. @default whether it is not wanted */
  readonly isEnding?: boolean;
}

/** Decides which of the wanted replicas run: a replica is released once it has a place, and held before and after. */
export interface Places extends Disposable {
  /** Names of the pods that are wanted, of which some may never have a replica. */
  readonly wanted: readonly string[];
  /** Which ones wanting so many would add or end. */
  affected(count: number): readonly string[];
  /** Wants so many. */
  want(count: number): void;
  of(name: string): Place;
  /** When a replica was last told to end, on the platform's clock; undefined if it never was. */
  endedAtMs(name: string): number | undefined;
  /** Called now and then, and when the states of replicas may have changed. */
  refresh(): void;
  /** @param startAtMs start of the load phase on the platform's clock */
  loadStarts(startAtMs: number): void;
}

/** Why a wanted pod has no replica. @param count of the stack's replicas */
export function noReplicaLeft(count: number): string {
  return `the stack has ${count} replicas at most, see \`stack.inference.maxReplicas\``;
}
