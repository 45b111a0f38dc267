import {
  type Action,
  type Cluster,
  type ClusterSpec,
  EMPTY_CLUSTER,
  type GroupSpec,
  newPod,
  type PoolSpec,
  withPods,
} from '../../../stack/capacity/cluster.ts';
import { settle } from '../../../stack/capacity/decide.ts';

/** A pool of nodes with one GPU each, that boot in 90 s. */
export function poolWith(changes: Partial<PoolSpec> = {}): PoolSpec {
  return {
    ...{ name: 'gpu', kind: 'gpu', gpusPerNode: 1, milliCpusPerNode: 8000, min: 0, max: 8 },
    ...{ bootMs: 90_000, idleMs: 600_000, pricePerHour: 3 },
    ...{ isSpot: false, noticeMs: 120_000, drainMs: 30_000, lifetimeMs: Number.POSITIVE_INFINITY },
    ...changes,
  };
}

/** Pods that need a GPU each, and start at once. */
export function groupWith(changes: Partial<GroupSpec> = {}): GroupSpec {
  return {
    ...{ name: 'real', priority: 90, milliGpus: 1000, milliCpus: 0, pools: ['gpu'], minAvailable: 1 },
    ...{ antiAffinity: 'off', disruptionBudget: 'off', imagePullMs: 0, podStartMs: 0, graceMs: 5000 },
    ...changes,
  };
}

/** A spec of these pools and groups in one zone. */
export function specOf(pools: readonly PoolSpec[], groups: readonly GroupSpec[], zones = ['zone-a']): ClusterSpec {
  return { pools, groups, zones, seed: 1 };
}

/** Adds pods `first` to `last` of a group. */
export const come =
  (group: string, first: number, last = first) =>
  (cluster: Cluster): Cluster =>
    withPods(
      cluster,
      Array.from({ length: last - first + 1 }, (_, nth) => newPod(`${group}-${first + nth}`, group)),
    );

/** Something that happens at a time, in seconds. */
export type Happening = readonly [atS: number, change: (cluster: Cluster, nowMs: number) => Cluster];

/** What is decided until `untilS`: `90 gpu-1 ready`, `90 real-1 placed on gpu-1`, `92.5 real-1 starts`. */
export function play(spec: ClusterSpec, happenings: readonly Happening[], untilS = 3600) {
  const said: string[] = [];
  let cluster = EMPTY_CLUSTER;
  let wakeAtMs = 0;
  const queue = [...happenings];
  for (;;) {
    const nextS = queue[0]?.[0] ?? Number.POSITIVE_INFINITY;
    const nowMs = Math.min(nextS * 1000, wakeAtMs);
    if (nowMs > untilS * 1000 || nowMs === Number.POSITIVE_INFINITY) return { said, cluster };
    while (queue[0] && queue[0][0] * 1000 <= nowMs) cluster = queue.shift()![1](cluster, nowMs);
    const decision = settle(spec, cluster, nowMs);
    cluster = decision.cluster;
    wakeAtMs = decision.wakeAtMs;
    said.push(...decision.actions.map(action => `${nowMs / 1000} ${textOf(action)}`));
  }
}

function textOf(action: Action): string {
  switch (action.kind) {
    case 'node':
      return `${action.node.name} ${action.state}`;
    case 'place':
      return `${action.pod.name} placed on ${action.pod.node}${action.reason && `: ${action.reason}`}`;
    case 'start':
      return `${action.pod.name} starts`;
    case 'evict':
      return `${action.pod.name} ${action.isLost ? 'lost with' : 'evicted from'} ${action.node}: ${action.reason}`;
    case 'pending':
      return `${action.pod.name} pending: ${action.reason}`;
  }
}
