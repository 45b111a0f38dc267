import { Board } from './board.ts';
import { type Cluster, type ClusterSpec, EMPTY_CLUSTER, newPod, type Pod, withPods } from './cluster.ts';
import { settle } from './decide.ts';
import { seat } from './seats.ts';

/**
 * The cluster that a run begins with: it has been running for long, so that nodes for these pods are there, images pulled and pods started.
 * Pods that are left pending have no place in the largest cluster.
 */
export function initialCluster(spec: ClusterSpec, pods: readonly Pod[], nowMs: number): Cluster {
  const never = Number.POSITIVE_INFINITY;
  const atOnce: ClusterSpec = {
    ...spec,
    pools: spec.pools.map(pool => ({ ...pool, bootMs: 0, idleMs: never, lifetimeMs: never })),
    groups: spec.groups.map(group => ({ ...group, imagePullMs: 0, podStartMs: 0 })),
  };
  const { cluster } = settle(atOnce, withPods(EMPTY_CLUSTER, pods), nowMs);
  return {
    ...cluster,
    // Decided anew, so that their lifetimes are drawn: a node that is ready now boots at this instant.
    nodes: cluster.nodes.map(node => ({ ...node, state: 'booting', readyAtMs: nowMs, noticeAtMs: never })),
    pods: cluster.pods.map(pod => ({ ...pod, isHealthy: pod.status === 'placed', waitsFor: '' })),
  };
}

/**
 * Whether so many pods of a group can have places at once, alone in the largest cluster.
 * @param group name
 */
export function canEverHold(spec: ClusterSpec, group: string, pods: number): boolean {
  const board = new Board(spec, EMPTY_CLUSTER, 0);
  return Array.from({ length: pods }, (_, nth) => newPod(`${group}-${nth + 1}`, group)).every(
    pod => seat(board, pod, ['booting', 'boot']) !== undefined,
  );
}
