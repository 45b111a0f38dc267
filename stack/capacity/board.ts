import {
  type Action,
  type Cluster,
  type ClusterNode,
  type ClusterSpec,
  type EvictionCause,
  ending,
  type GroupSpec,
  groupOf,
  type Pod,
  poolOf,
} from './cluster.ts';

/** GPUs and CPUs of a node that a pod has, or that are kept for one that waits. */
export interface Held {
  /** Its pod. */
  readonly name: string;
  readonly group: string;
  readonly node: string;
  readonly devices: readonly number[];
  /** `claim`: kept for a pod that waits for those that are ending, or for the node. */
  readonly kind: 'placed' | 'ending' | 'claim';
}

/** A whole GPU, in thousandths. */
export const WHOLE = 1000;

/** Copy of a cluster in which a decision is worked out. */
export class Board {
  readonly spec: ClusterSpec;
  readonly nowMs: number;
  readonly nodes: Map<string, ClusterNode>;
  readonly pods: Map<string, Pod>;
  readonly booted: Record<string, number>;
  readonly owed: Record<string, number>;
  claims: Held[] = [];
  actions: Action[] = [];
  /** Pods that will be preempted once a whole gang has its places. */
  readonly planned = new Set<string>();

  constructor(spec: ClusterSpec, cluster: Cluster, nowMs: number) {
    this.spec = spec;
    this.nowMs = nowMs;
    this.nodes = new Map(cluster.nodes.map(node => [node.name, node]));
    this.pods = new Map(cluster.pods.map(pod => [pod.name, pod]));
    this.booted = { ...cluster.booted };
    this.owed = { ...cluster.owed };
  }

  /** The cluster as it is here. */
  cluster(): Cluster {
    return { nodes: [...this.nodes.values()], pods: [...this.pods.values()], booted: this.booted, owed: this.owed };
  }

  /** Another one, to try something. */
  copy(): Board {
    const copy = new Board(this.spec, this.cluster(), this.nowMs);
    copy.claims = [...this.claims];
    copy.actions = [...this.actions];
    for (const name of this.planned) copy.planned.add(name);
    return copy;
  }

  /** All that is held, on one node or on all. */
  held(node?: string): Held[] {
    const own: Held[] = [];
    for (const { name, group, status, node: on, devices } of this.pods.values())
      if (on !== undefined && status !== 'pending' && (node === undefined || on === node))
        own.push({ name, group, node: on, devices, kind: status });
    for (const claim of this.claims) if (node === undefined || claim.node === node) own.push(claim);
    return own;
  }

  /**
   * GPUs of a node on which a pod fits, none for one that needs none; undefined where it does not fit.
   * @param isFree whether to count as free what is held. @default nothing
   */
  fit(pod: Pod, node: ClusterNode, isFree: (held: Held) => boolean = () => false): number[] | undefined {
    const group = groupOf(this.spec, pod.group);
    const pool = poolOf(this.spec, node.pool);
    const isAllowed = group.pools.includes(pool.name) && (pod.zone === undefined || pod.zone === node.zone);
    if (!isAllowed || (group.milliGpus === 0 && pool.kind === 'gpu')) return undefined;
    const isInTheWay = (held: Held) => held.name !== pod.name && !isFree(held);
    if (group.antiAffinity !== 'off' && group.antiAffinity.required && this.neighbours(group, node).some(isInTheWay))
      return undefined;
    const held = this.held(node.name).filter(isInTheWay);
    const free = new Array<number>(pool.gpusPerNode).fill(WHOLE);
    let milliCpus = pool.milliCpusPerNode - group.milliCpus;
    for (const { group: name, devices } of held) {
      const other = groupOf(this.spec, name);
      milliCpus -= other.milliCpus;
      for (const device of devices) free[device]! -= Math.min(WHOLE, other.milliGpus);
    }
    return milliCpus < 0 ? undefined : devicesFor(group.milliGpus, free);
  }

  /** What pods of the same group hold in the same node or zone. */
  neighbours(group: GroupSpec, node: ClusterNode): Held[] {
    if (group.antiAffinity === 'off') return [];
    const { over } = group.antiAffinity;
    const isNear = ({ node: other }: Held) =>
      over === 'node' ? other === node.name : this.nodes.get(other)?.zone === node.zone;
    return this.held().filter(held => held.group === group.name && isNear(held));
  }

  /** Pods of a group with a place. */
  active(group: string): Pod[] {
    return [...this.pods.values()].filter(
      pod => pod.group === group && pod.status === 'placed' && !this.planned.has(pod.name),
    );
  }

  /** Tells a pod to end. @param isLost its node is gone */
  evict(pod: Pod, cause: EvictionCause, reason: string, isLost = false): void {
    const told = { ...ending(this.spec, pod, this.nowMs), isWanted: pod.status === 'ending' ? pod.isWanted : true };
    const gone = isLost ? { node: undefined, devices: [] } : {};
    const endsAtMs = isLost && Number.isFinite(told.endsAtMs) ? this.nowMs : told.endsAtMs;
    this.pods.set(pod.name, { ...told, ...gone, endsAtMs });
    this.actions.push({ kind: 'evict', pod, node: pod.node!, cause, isLost, reason });
  }

  /** Nodes of a pool that are not about to go, and all of them. */
  count(pool: string): { readonly staying: number; readonly all: number } {
    const own = [...this.nodes.values()].filter(node => node.pool === pool);
    return { staying: own.filter(({ state }) => state !== 'notice').length, all: own.length };
  }

  /** Boots a node, and says so. @param zone @default the one with the fewest nodes of the pool */
  boot(pool: string, reason: string, zone = this.emptiestZone(pool)): ClusterNode {
    const node = this.nextNode(pool, zone);
    this.booted[pool] = (this.booted[pool] ?? 0) + 1;
    this.nodes.set(node.name, node);
    this.actions.push({ kind: 'node', node, state: 'booting', reason });
    return node;
  }

  /** The node that a pool would boot. */
  nextNode(pool: string, zone: string): ClusterNode {
    const never = Number.POSITIVE_INFINITY;
    const readyAtMs = this.nowMs + poolOf(this.spec, pool).bootMs;
    const name = `${pool}-${(this.booted[pool] ?? 0) + 1}`;
    const times = { readyAtMs, noticeAtMs: never, takenAtMs: never, emptySinceMs: undefined };
    return { name, pool, zone, state: 'booting', ...times, images: {} };
  }

  /** Zone with the fewest nodes of a pool. */
  emptiestZone(pool: string): string {
    const own = [...this.nodes.values()].filter(node => node.pool === pool);
    const countIn = (zone: string) => own.filter(node => node.zone === zone).length;
    return this.spec.zones.reduce((best, zone) => (countIn(zone) < countIn(best) ? zone : best));
  }
}

/** A part of a GPU comes from the fullest one where it fits, so that others stay whole. */
function devicesFor(milliGpus: number, free: readonly number[]): number[] | undefined {
  if (milliGpus === 0) return [];
  const usable = free
    .map((left, device) => ({ left, device }))
    .filter(({ left }) => left >= Math.min(WHOLE, milliGpus));
  const wanted = Math.max(1, milliGpus / WHOLE);
  if (usable.length < wanted) return undefined;
  return usable
    .sort((a, b) => a.left - b.left || a.device - b.device)
    .slice(0, wanted)
    .map(({ device }) => device)
    .sort((a, b) => a - b);
}
