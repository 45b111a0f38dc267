import { numbered, zoneOf } from '../naming.ts';
import { type ClusterSpec, type GroupSpec, newPod, type Pod } from './cluster.ts';
import { type CapacityOptions, INFERENCE } from './options.ts';

const DEFAULT_GPUS_PER_NODE = 8;
const HOUR_MS = 3_600_000;

/** Of a stack, what its cluster depends on. */
export interface ClusterContext {
  readonly zones: readonly string[];
  /** Divides durations, and multiplies rates. */
  readonly timeScale: number;
  readonly seed: number;
}

function clusterSpec(options: CapacityOptions, { zones, timeScale, seed }: ClusterContext): ClusterSpec {
  const { pools, inference, workloads } = options;
  const scaled = (ms: number) => ms / timeScale;
  const groupOf = (name: string, group: CapacityOptions['inference']): Omit<GroupSpec, 'minAvailable' | 'graceMs'> => ({
    ...{ name, priority: group.priority, antiAffinity: group.antiAffinity, disruptionBudget: group.disruptionBudget },
    milliGpus: Math.round(1000 * group.gpus),
    milliCpus: Math.round(1000 * group.cpus),
    pools: group.pools ?? pools.map(pool => pool.name),
    imagePullMs: scaled(group.imagePullMs),
    podStartMs: scaled(group.podStartMs),
  });
  return {
    pools: pools.map(({ name, kind, gpusPerNode = DEFAULT_GPUS_PER_NODE, cpusPerNode, spot, ...pool }) => ({
      ...{ name, kind, min: pool.min, max: pool.max, pricePerHour: pool.pricePerHour },
      gpusPerNode: kind === 'cpu' ? 0 : gpusPerNode,
      milliCpusPerNode: Math.round(1000 * cpusPerNode),
      bootMs: scaled(pool.bootMs),
      idleMs: scaled(pool.idleMs),
      isSpot: spot !== 'off',
      noticeMs: spot === 'off' ? 0 : scaled(spot.noticeMs),
      drainMs: spot === 'off' ? 0 : spot.drainMs,
      lifetimeMs:
        spot === 'off' || spot.preemptionsPerHour === 0
          ? Number.POSITIVE_INFINITY
          : HOUR_MS / spot.preemptionsPerHour / timeScale,
    })),
    groups: [
      { ...groupOf(INFERENCE, inference), minAvailable: 1, graceMs: undefined },
      ...workloads.map(({ name, minAvailable, graceMs, ...group }) => ({
        ...groupOf(name, group),
        minAvailable,
        graceMs: scaled(graceMs),
      })),
    ],
    ...{ zones, seed },
  };
}

/** Another workload: when it comes, and how long it stays; undefined for from the beginning, and to the end. */
export interface WorkloadPlan {
  readonly name: string;
  readonly replicas: number;
  readonly atMs: number | undefined;
  readonly forMs: number | undefined;
}

/** The cluster of a stack, and what happens to it. Moments are from the start of the load phase. */
export interface CapacityPlan {
  readonly spec: ClusterSpec;
  readonly workloads: readonly WorkloadPlan[];
  readonly preemptions: readonly { readonly pool: string; readonly atMs: number; readonly nodes: number }[];
}

/** The plan that options describe. */
export function capacityPlan(options: CapacityOptions, context: ClusterContext): CapacityPlan {
  return {
    spec: clusterSpec(options, context),
    workloads: options.workloads.map(({ name, replicas, atMs, forMs }) => ({ name, replicas, atMs, forMs })),
    preemptions: options.pools.flatMap(({ name: pool, spot }) =>
      spot === 'off' ? [] : spot.preemptions.map(preemption => ({ pool, ...preemption })),
    ),
  };
}

/** Pods of a workload. */
export function podsOf({ name, replicas }: WorkloadPlan): Pod[] {
  return numbered(name, replicas).map(pod => newPod(pod, name));
}

/** Pods of the first inference replicas. */
export function inferencePods(count: number, zones: readonly string[]): Pod[] {
  return numbered(INFERENCE, count).map(name => newPod(name, INFERENCE, zoneOf(name, zones)));
}
