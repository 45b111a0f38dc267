import type { Clock } from '../../harness/clock.ts';
import type { PlacementChange, StackObserver } from '../../harness/cluster/observer.ts';
import {
  type Action,
  type Cluster,
  groupOf,
  newPod,
  type Pod,
  poolOf,
  withEnded,
  withHealth,
  withNotice,
  withoutPods,
  withPods,
} from '../../stack/capacity/cluster.ts';
import { settle } from '../../stack/capacity/decide.ts';
import { initialCluster } from '../../stack/capacity/initial.ts';
import { INFERENCE } from '../../stack/capacity/options.ts';
import { type CapacityPlan, podsOf, type WorkloadPlan } from '../../stack/capacity/spec.ts';
import { numbered } from '../../stack/naming.ts';
import { noReplicaLeft, type Place, type Places, type TimedReplica } from './places.ts';

/**
 * Places on the nodes of a capacity model. This is its thin shell: it tells the pure decision what has happened, and does what that says.
 *
 * ```
 * Scale API ─▶ want ─┐               ┌▶ release, hold, terminate, kill a replica
 * replicas ─▶ state ─┼▶ decide(now) ─┼▶ events of nodes and places
 * time, workloads ───┘               └▶ when to decide again
 * ```
 */
export class ClusterPlaces implements Places {
  readonly #plan: CapacityPlan;
  readonly #replicas: ReadonlyMap<string, TimedReplica>;
  readonly #clock: Clock;
  readonly #observer: StackObserver;
  readonly #endedAtMs = new Map<string, number>();
  readonly #messages = new Map<string, string>();
  readonly #timers = new Set<() => void>();
  #cluster: Cluster;
  #cancelWake = () => {};
  #isOver = false;
  wanted: readonly string[];

  constructor(plan: CapacityPlan, replicas: readonly TimedReplica[], clock: Clock, observer: StackObserver) {
    this.#plan = plan;
    this.#clock = clock;
    this.#observer = observer;
    this.#replicas = new Map(replicas.map(replica => [replica.name, replica]));
    this.wanted = replicas.filter(({ state }) => state !== 'stopped').map(({ name }) => name);
    const early = plan.workloads.filter(({ atMs }) => atMs === undefined).flatMap(podsOf);
    this.#cluster = initialCluster(plan.spec, [...this.wanted.map(name => this.#podOf(name)), ...early], clock.nowMs());
    const placed = this.#cluster.pods.filter(({ status }) => status === 'placed');
    this.#decide();
    for (const pod of placed) this.#tell(pod, 'placed', '');
  }

  affected(count: number): readonly string[] {
    const more = count - this.wanted.length;
    if (more <= 0) return this.#leastUseful(-more);
    const wanted = new Set(this.wanted);
    return numbered(INFERENCE, count)
      .filter(name => !wanted.has(name))
      .slice(0, more);
  }

  want(count: number): void {
    const affected = this.affected(count);
    const added = count > this.wanted.length ? affected : [];
    const removed = new Set(count < this.wanted.length ? affected : []);
    this.wanted = [...this.wanted.filter(name => !removed.has(name)), ...added];
    for (const name of added.filter(each => !this.#replicas.has(each)))
      this.#pending(newPod(name, INFERENCE), noReplicaLeft(this.#replicas.size));
    this.#remove(removed);
    this.#change(cluster =>
      withPods(
        cluster,
        added.filter(name => this.#replicas.has(name)).map(name => this.#podOf(name)),
      ),
    );
  }

  of(name: string): Place {
    const pod = this.#cluster.pods.find(each => each.name === name);
    if (pod?.status === 'placed' && pod.isStarted) return { node: pod.node };
    if (pod?.status === 'ending') return { node: pod.node, isEnding: true };
    return { node: pod?.node, message: this.#messages.get(name) };
  }

  endedAtMs(name: string): number | undefined {
    return this.#endedAtMs.get(name);
  }

  refresh(): void {
    const stale = this.#cluster.pods.filter(({ name, status, isStarted, isHealthy }) => {
      const replica = this.#replicas.get(name);
      return replica && status === 'placed' && isStarted && isHealthy !== (replica.state === 'ready');
    });
    if (stale.length === 0) return;
    this.#change(before =>
      stale.reduce((cluster, { name, isHealthy }) => withHealth(cluster, name, !isHealthy), before),
    );
  }

  loadStarts(startAtMs: number): void {
    const at = (offsetMs: number, run: () => void) => {
      this.#timers.add(this.#clock.after(startAtMs + offsetMs - this.#clock.nowMs(), run));
    };
    for (const workload of this.#plan.workloads) {
      const { atMs, forMs } = workload;
      if (atMs !== undefined) at(atMs, () => this.#change(cluster => withPods(cluster, podsOf(workload))));
      if (forMs !== undefined) at((atMs ?? 0) + forMs, () => this.#remove(namesOf(workload)));
    }
    for (const { pool, atMs, nodes } of this.#plan.preemptions)
      at(atMs, () => this.#change(cluster => withNotice(cluster, pool, nodes)));
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#cancelWake();
    for (const cancel of this.#timers) cancel();
  }

  #podOf(name: string): Pod {
    return newPod(name, INFERENCE, this.#replicas.get(name)!.zone);
  }

  /** As the controller of a Deployment chooses: pods without a place first, then those that are not ready, of each the last. */
  #leastUseful(count: number): string[] {
    const rank = (name: string) => {
      const pod = this.#cluster.pods.find(each => each.name === name);
      if (pod?.status !== 'placed') return pod ? 1 : 0;
      return this.#replicas.get(name)?.state === 'ready' ? 3 : 2;
    };
    return this.wanted
      .toReversed()
      .sort((a, b) => rank(a) - rank(b))
      .slice(0, count);
  }

  /** Ends pods that are not wanted any more. */
  #remove(names: ReadonlySet<string>): void {
    if (names.size === 0) return;
    const gone = this.#cluster.pods.filter(({ name }) => names.has(name));
    this.#change(cluster => withoutPods(this.#plan.spec, cluster, names, this.#clock.nowMs()));
    for (const pod of gone) {
      this.#messages.delete(pod.name);
      if (pod.status !== 'ending') this.#tell(pod, 'ended', '');
      if (pod.status === 'placed' && pod.isStarted) this.#end(pod.name, false);
    }
  }

  #change(change: (before: Cluster) => Cluster): void {
    if (this.#isOver) return;
    this.#cluster = change(this.#cluster);
    this.#decide();
  }

  #decide(): void {
    if (this.#isOver) return;
    const nowMs = this.#clock.nowMs();
    const { cluster, actions, wakeAtMs } = settle(this.#plan.spec, this.#cluster, nowMs);
    this.#cluster = cluster;
    this.#cancelWake();
    if (Number.isFinite(wakeAtMs)) this.#cancelWake = this.#clock.after(wakeAtMs - nowMs, () => this.#decide());
    for (const action of actions) this.#act(action);
  }

  #act(action: Action): void {
    switch (action.kind) {
      case 'node': {
        const { node, state, reason } = action;
        const { pricePerHour, gpusPerNode: gpus, isSpot } = poolOf(this.#plan.spec, node.pool);
        const what = { node: node.name, pool: node.pool, zone: node.zone, pricePerHour, gpus };
        this.#observer.node?.({ ...what, state, ...(isSpot && { spot: true }), reason });
        return;
      }
      case 'place':
        this.#messages.set(action.pod.name, action.reason);
        this.#tell(action.pod, 'placed', action.reason);
        return;
      case 'start':
        void this.#replicas.get(action.pod.name)?.release();
        return;
      case 'evict':
        if (action.pod.status === 'placed') this.#tell(action.pod, 'evicted', action.reason, action.node);
        if (action.pod.isStarted) this.#end(action.pod.name, action.isLost);
        return;
      case 'pending':
        this.#pending(action.pod, action.reason);
    }
  }

  #pending(pod: Pod, reason: string): void {
    this.#messages.set(pod.name, reason);
    this.#tell(pod, 'pending', reason);
  }

  /** Ends the process of a replica, and reports when it is gone. */
  #end(name: string, isLost: boolean): void {
    const replica = this.#replicas.get(name);
    if (!replica) return;
    this.#endedAtMs.set(name, this.#clock.nowMs());
    replica.hold();
    // What was killed still has to enter its final state.
    const ended = isLost ? replica.kill().then(() => replica.terminate()) : replica.terminate();
    void ended.then(() => this.#change(cluster => withEnded(cluster, name, this.#clock.nowMs())));
  }

  #tell({ name, group, node }: Pod, state: PlacementChange['state'], reason: string, on = node): void {
    const gpus = groupOf(this.#plan.spec, group).milliGpus / 1000;
    const where = state === 'pending' || on === undefined ? {} : { node: on };
    this.#observer.placement?.({ replica: name, service: group, state, ...where, gpus, reason });
  }
}

const namesOf = (workload: WorkloadPlan) => new Set(podsOf(workload).map(({ name }) => name));
