/** Pool of nodes that are alike. Durations are in ms of the clock that decisions are given. */
export interface PoolSpec {
  readonly name: string;
  /** `gpu`: only for pods that need a GPU. */
  readonly kind: 'gpu' | 'cpu' | 'mixed';
  readonly gpusPerNode: number;
  /** Thousandths. */
  readonly milliCpusPerNode: number;
  readonly min: number;
  readonly max: number;
  readonly bootMs: number;
  readonly idleMs: number;
  readonly pricePerHour: number;
  readonly isSpot: boolean;
  readonly noticeMs: number;
  /** Time before the end of a node at which its pods are told to end; at most its notice, 0 for not at all. */
  readonly drainMs: number;
  /** Mean time until a node is given notice; Infinity for never. */
  readonly lifetimeMs: number;
}

/** Pods that are alike: the inference replicas, or another workload. */
export interface GroupSpec {
  readonly name: string;
  /** A pod may preempt those of lower priority. */
  readonly priority: number;
  /** Thousandths of a GPU that each occupies: a part of one, or whole ones. */
  readonly milliGpus: number;
  /** Thousandths. */
  readonly milliCpus: number;
  /** Pools that may run it. */
  readonly pools: readonly string[];
  /** So many get their places at once, or none does; 1 for no gang. */
  readonly minAvailable: number;
  readonly antiAffinity: 'off' | { readonly over: 'node' | 'zone'; readonly required: boolean };
  readonly disruptionBudget: 'off' | { readonly minAvailable: number } | { readonly maxUnavailable: number };
  readonly imagePullMs: number;
  readonly podStartMs: number;
  /** Time that an evicted pod takes to end; undefined where its end is reported. */
  readonly graceMs: number | undefined;
}

/** What does not change. */
export interface ClusterSpec {
  /** In order of preference. */
  readonly pools: readonly PoolSpec[];
  readonly groups: readonly GroupSpec[];
  readonly zones: readonly string[];
  /** Determines how long spot nodes live. */
  readonly seed: number;
}

/** A node that exists. */
export interface ClusterNode {
  /** For example `spot-2`. */
  readonly name: string;
  readonly pool: string;
  readonly zone: string;
  readonly state: 'booting' | 'ready' | 'notice';
  readonly readyAtMs: number;
  /** When it is given notice; Infinity for never. */
  readonly noticeAtMs: number;
  /** When it ends; Infinity without notice. */
  readonly takenAtMs: number;
  /** Since when nothing is on it, nor is to come. */
  readonly emptySinceMs: number | undefined;
  /** When the image of each group has been pulled. */
  readonly images: Readonly<Record<string, number>>;
}

/** A pod that is wanted, or has not ended yet. */
export interface Pod {
  /** For example `inference-4`. */
  readonly name: string;
  readonly group: string;
  /** Zone that it must be in. @default any */
  readonly zone?: string | undefined;
  /** `ending`: told to end, while it still occupies its node. */
  readonly status: 'pending' | 'placed' | 'ending';
  readonly node?: string | undefined;
  /** Indices of the GPUs of its node that it occupies, in whole or in part. */
  readonly devices: readonly number[];
  /** When its process starts, or did. */
  readonly startsAtMs: number;
  readonly isStarted: boolean;
  /** Whether it counts as available for a disruption budget. */
  readonly isHealthy: boolean;
  /** When one that is ending is gone; Infinity where that is reported. */
  readonly endsAtMs: number;
  /** Whether one that is ending is wanted again. */
  readonly isWanted: boolean;
  /** What it waits for, so that each reason is told once. */
  readonly waitsFor: string;
  /** Node on which a pending one will get its place; that is looked at first, so that what waits does not move about. */
  readonly nominated?: string | undefined;
}

/** Nodes and pods at an instant. */
export interface Cluster {
  readonly nodes: readonly ClusterNode[];
  /** In the order in which they came. */
  readonly pods: readonly Pod[];
  /** Number of nodes that each pool ever had, from which the next is named. */
  readonly booted: Readonly<Record<string, number>>;
  /** Nodes of each pool that the provider takes as soon as they are ready. */
  readonly owed: Readonly<Record<string, number>>;
}

/** A cluster without anything. */
export const EMPTY_CLUSTER: Cluster = { nodes: [], pods: [], booted: {}, owed: {} };

/** Why a pod is evicted. A preemption is voluntary, the others are not. */
export type EvictionCause = 'preempted' | 'gang' | 'taken';

/** What a decision changes. Reasons are in words. */
export type Action =
  | {
      readonly kind: 'node';
      readonly node: ClusterNode;
      readonly state: 'booting' | 'ready' | 'notice' | 'taken' | 'stopped';
      readonly reason: string;
    }
  | { readonly kind: 'place'; readonly pod: Pod; readonly reason: string }
  /** Its process is to start. */
  | { readonly kind: 'start'; readonly pod: Pod }
  | {
      readonly kind: 'evict';
      readonly pod: Pod;
      readonly node: string;
      readonly cause: EvictionCause;
      /** Whether its node is gone, so that it cannot end by itself. */
      readonly isLost: boolean;
      readonly reason: string;
    }
  | { readonly kind: 'pending'; readonly pod: Pod; readonly reason: string };

/** Result of a decision. */
export interface Decision {
  readonly cluster: Cluster;
  readonly actions: readonly Action[];
  /** When the passing of time alone changes something next; Infinity for never. */
  readonly wakeAtMs: number;
}

/** A pod as it comes. */
export function newPod(name: string, group: string, zone?: string): Pod {
  const none = { devices: [], startsAtMs: 0, isStarted: false, isHealthy: false, endsAtMs: Number.POSITIVE_INFINITY };
  return { name, group, zone, status: 'pending', ...none, isWanted: true, waitsFor: '' };
}

/** Adds pods. Those whose predecessor of the same name is still ending follow it. */
export function withPods(cluster: Cluster, added: readonly Pod[]): Cluster {
  const names = new Set(added.map(({ name }) => name));
  const known = new Set(cluster.pods.map(({ name }) => name));
  const pods = cluster.pods.map(pod => (names.has(pod.name) ? { ...pod, isWanted: true } : pod));
  return { ...cluster, pods: [...pods, ...added.filter(({ name }) => !known.has(name))] };
}

/** Takes pods away: those without a place at once, the others once they have ended. */
export function withoutPods(spec: ClusterSpec, cluster: Cluster, names: ReadonlySet<string>, nowMs: number): Cluster {
  const pods = cluster.pods.flatMap((pod): Pod[] => {
    if (!names.has(pod.name)) return [pod];
    if (pod.status === 'ending') return [{ ...pod, isWanted: false }];
    if (pod.status === 'pending' || !pod.isStarted) return [];
    return [{ ...ending(spec, pod, nowMs), isWanted: false }];
  });
  return { ...cluster, pods };
}

/** A pod that is told to end now. */
export function ending(spec: ClusterSpec, pod: Pod, nowMs: number): Pod {
  const { graceMs = Number.POSITIVE_INFINITY } = groupOf(spec, pod.group);
  return { ...pod, status: 'ending', isHealthy: false, endsAtMs: nowMs + (pod.isStarted ? graceMs : 0) };
}

/** Reports that a pod that was told to end is gone. */
export function withEnded(cluster: Cluster, name: string, nowMs: number): Cluster {
  return changed(cluster, name, pod => (pod.status === 'ending' ? { ...pod, endsAtMs: nowMs } : pod));
}

/** Reports whether a pod is available. */
export function withHealth(cluster: Cluster, name: string, isHealthy: boolean): Cluster {
  return changed(cluster, name, pod => (pod.status === 'placed' ? { ...pod, isHealthy } : pod));
}

/** The provider gives notice to nodes of a pool: to the oldest that are ready, or as soon as some are. */
export function withNotice(cluster: Cluster, pool: string, nodes: number): Cluster {
  return { ...cluster, owed: { ...cluster.owed, [pool]: (cluster.owed[pool] ?? 0) + nodes } };
}

/** The group of that name. @throws RangeError if there is none */
export function groupOf(spec: ClusterSpec, name: string): GroupSpec {
  const group = spec.groups.find(each => each.name === name);
  if (!group) throw new RangeError(`Expected a group of the cluster, got ${name}`);
  return group;
}

/** The pool of that name. @throws RangeError if there is none */
export function poolOf(spec: ClusterSpec, name: string): PoolSpec {
  const pool = spec.pools.find(each => each.name === name);
  if (!pool) throw new RangeError(`Expected a pool of the cluster, got ${name}`);
  return pool;
}

function changed(cluster: Cluster, name: string, change: (pod: Pod) => Pod): Cluster {
  return { ...cluster, pods: cluster.pods.map(pod => (pod.name === name ? change(pod) : pod)) };
}
