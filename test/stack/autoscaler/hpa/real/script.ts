import type { MetricReply } from './metrics-api.ts';

/** State that a pod is put into: phase, whether it has a start time, and its Ready condition. */
export interface PodState {
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed';
  readonly hasStart: boolean;
  readonly ready: 'True' | 'False' | 'Unknown' | null;
}

/** What becomes of a pod. */
export interface PodLife {
  /** Its age when the case begins, for those that are there before. */
  readonly ageSeconds: number;
  /** Since when it is ready or unready, in s after its start, for those that are there before. */
  readonly readyAfterSeconds: number;
  /** States by the time since it is there (for those that were there before: since the case begins). */
  readonly states: readonly { readonly afterMs: number; readonly state: PodState }[];
}

/** A pod as the script of a metric sees it. */
export interface PodView {
  readonly name: string;
  /** Place in the order of their creation, from 0. */
  readonly ordinal: number;
  readonly phase: string;
  readonly isDeleted: boolean;
}

/** Something that happens to the autoscaler or its target. */
export interface Act {
  readonly atMs: number;
  readonly what: 'scale' | 'hpa' | 'roll' | 'rmdep' | 'deploy' | 'hpa2' | 'rmhpa';
  /** Replicas, or a merge patch of the spec. */
  readonly args: readonly unknown[];
}

/** A case: everything that one autoscaler is shown, as a function of its seed. */
export interface Script {
  readonly id: string;
  readonly group: string;
  readonly seed: number;
  /** Name of the settings of the controller. */
  readonly flags: string;
  /** Spec as it is sent, without its target. */
  readonly spec: Record<string, unknown>;
  readonly replicas: number;
  /** Whether the target is there only once an act creates it. */
  readonly isLate: boolean;
  readonly requests: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly podRequests?: Readonly<Record<string, string>>;
  /** How long a deleted pod is kept; 0: not at all. */
  readonly lingerMs: number;
  readonly acts: readonly Act[];
  life(ordinal: number): PodLife;
  /**
   * Reply to a query `atMs` after the creation of the autoscaler.
   * @param nowSeconds the same in s since 1970
   */
  reply(
    kind: MetricReply['k'],
    name: string | undefined,
    atMs: number,
    nowSeconds: number,
    pods: readonly PodView[],
  ): MetricReply;
}

/** How long each case is played after its autoscaler was created. */
export const CASE_MS = 20_000;
