import assert from 'node:assert/strict';
import type { Cluster, ClusterNode, ClusterSpec, GroupSpec, Pod } from '../../../stack/capacity/cluster.ts';
import type { decide } from '../../../stack/capacity/decide.ts';
import type { Check } from './random-clusters.ts';

const groupsOf = ({ groups }: ClusterSpec) => new Map(groups.map(group => [group.name, group]));
const onNode = ({ pods }: Cluster, node: ClusterNode) =>
  pods.filter(pod => pod.node === node.name && pod.status !== 'pending');
const active = ({ pods }: Cluster, group: string) => pods.filter(pod => pod.group === group && pod.status === 'placed');

/** Free thousandths of each GPU, and of the CPUs. */
function freeOn(spec: ClusterSpec, node: ClusterNode, pods: readonly Pod[]) {
  const groups = groupsOf(spec);
  const { gpusPerNode, milliCpusPerNode } = spec.pools.find(({ name }) => name === node.pool)!;
  const gpus = new Array<number>(gpusPerNode).fill(1000);
  let cpus = milliCpusPerNode;
  for (const { group, devices } of pods) {
    const { milliGpus, milliCpus } = groups.get(group)!;
    assert.equal(new Set(devices).size, milliGpus <= 1000 ? 1 : milliGpus / 1000, 'GPUs: not as many as it needs');
    cpus -= milliCpus;
    for (const device of devices) gpus[device]! -= Math.min(1000, milliGpus);
  }
  return { gpus, cpus };
}

/** No GPU, no CPU and no node is used more than it can be, nor by pods that may not. */
export const fitsNodes: Check = (spec, _before, { cluster }) => {
  const groups = groupsOf(spec);
  for (const node of cluster.nodes) {
    const pods = onNode(cluster, node);
    const { gpus, cpus } = freeOn(spec, node, pods);
    assert(cpus >= 0 && gpus.every(free => free >= 0), `GPUs: ${node.name} has ${gpus} left, and ${cpus} of its CPUs`);
    for (const { name, group: own, zone } of pods) {
      const group = groups.get(own)!;
      assert(group.pools.includes(node.pool), `GPUs: ${name} must not be on ${node.pool}`);
      assert(zone === undefined || zone === node.zone, `GPUs: ${name} must be in ${zone}`);
    }
    assert(node.state !== 'booting' || pods.length === 0, 'GPUs: a node that boots has pods');
  }
  for (const pod of cluster.pods.filter(({ status }) => status === 'placed'))
    assert(
      cluster.nodes.some(({ name }) => name === pod.node),
      `GPUs: ${pod.name} is on no node`,
    );
  for (const { name, max } of spec.pools)
    assert(cluster.nodes.filter(({ pool }) => pool === name).length <= max, `GPUs: ${name} has more than ${max} nodes`);
  for (const { name, antiAffinity } of spec.groups) {
    if (antiAffinity === 'off' || !antiAffinity.required) continue;
    const places = active(cluster, name).map(({ node }) =>
      antiAffinity.over === 'node' ? node : cluster.nodes.find(each => each.name === node)!.zone,
    );
    assert.equal(new Set(places).size, places.length, `GPUs: two of ${name} are in one ${antiAffinity.over}`);
  }
};

/** All of a gang have places, or none. */
export const wholeGangs: Check = (spec, _before, { cluster }) => {
  for (const { name, minAvailable } of spec.groups) {
    const count = active(cluster, name).length;
    assert(count === 0 || count >= minAvailable, `gang: ${name} has ${count} of ${minAvailable}`);
  }
};

const desiredOf = (cluster: Cluster, { name, disruptionBudget: budget }: GroupSpec) => {
  if (budget === 'off') return 0;
  const wanted = cluster.pods.filter(pod => pod.group === name && pod.isWanted).length;
  return 'minAvailable' in budget ? budget.minAvailable : wanted - budget.maxUnavailable;
};

/** No preemption leaves fewer healthy pods than a budget says. */
export const keptBudgets: Check = (spec, _before, { cluster, actions }) => {
  for (const group of spec.groups) {
    const { name, disruptionBudget } = group;
    if (
      disruptionBudget === 'off' ||
      !actions.some(a => a.kind === 'evict' && a.cause === 'preempted' && a.pod.group === name)
    )
      continue;
    const healthy = active(cluster, name).filter(({ isHealthy }) => isHealthy).length;
    assert(healthy >= desiredOf(cluster, group), `budget: ${name} has ${healthy} of ${desiredOf(cluster, group)} left`);
  }
};

/** Who is preempted makes room for one of higher priority that waits. */
export const evictsLower: Check = (spec, _before, { cluster, actions }) => {
  const groups = groupsOf(spec);
  const waiting = cluster.pods.filter(({ status }) => status === 'pending');
  const highest = Math.max(0, ...waiting.map(({ group }) => groups.get(group)!.priority));
  for (const action of actions) {
    if (action.kind !== 'evict' || action.cause !== 'preempted') continue;
    const { priority } = groups.get(action.pod.group)!;
    assert(priority < highest, `priority: ${action.pod.name} of ${priority} is preempted for ${highest}`);
  }
};

const MAX_LOWER = 7;

/** A pod that waits, while those of lower priority hold what it needs and may be preempted. @returns how many pods were looked at */
export function checkInversions(spec: ClusterSpec, cluster: Cluster): number {
  // Whose place is kept, and what is ending, is known to the scheduler alone.
  if (cluster.pods.some(({ status }) => status === 'ending') || cluster.nodes.some(({ state }) => state === 'notice'))
    return 0;
  const groups = groupsOf(spec);
  const pending = cluster.pods.filter(({ status }) => status === 'pending');
  const isGang = ({ group }: Pod) => groups.get(group)!.minAvailable > 1;
  let looked = 0;
  for (const pod of pending) {
    const own = groups.get(pod.group)!;
    if (isGang(pod) || pending.some(other => isGang(other) && groups.get(other.group)!.priority >= own.priority))
      continue;
    const hasBudgets = spec.groups.some(({ disruptionBudget }) => disruptionBudget !== 'off');
    if (own.milliGpus > 1000 && hasBudgets) continue;
    looked += 1;
    for (const node of cluster.nodes.filter(({ state }) => state === 'ready')) {
      const lower = onNode(cluster, node).filter(({ group }) => groups.get(group)!.priority < own.priority);
      if (lower.length > MAX_LOWER) continue;
      for (let subset = 0; subset < 2 ** lower.length; subset += 1) {
        const named = lower.filter((_, bit) => subset & (1 << bit));
        if (isAllowed(spec, cluster, named) && fits(spec, cluster, pod, own, node, named))
          throw new Error(`inversion: ${pod.name} waits for ${named.map(({ name }) => name)} on ${node.name}`);
      }
    }
  }
  return looked;
}

function isAllowed(spec: ClusterSpec, cluster: Cluster, named: readonly Pod[]): boolean {
  return spec.groups.every(group => {
    const gone = named.filter(pod => pod.group === group.name);
    if (gone.length === 0 || group.disruptionBudget === 'off') return true;
    const rest = active(cluster, group.name).filter(pod => !gone.includes(pod));
    const left = rest.length < group.minAvailable && group.minAvailable > 1 ? [] : rest;
    return left.filter(({ isHealthy }) => isHealthy).length >= desiredOf(cluster, group);
  });
}

function fits(spec: ClusterSpec, cluster: Cluster, pod: Pod, own: GroupSpec, node: ClusterNode, gone: readonly Pod[]) {
  const pool = spec.pools.find(({ name }) => name === node.pool)!;
  if (!own.pools.includes(pool.name) || (pod.zone !== undefined && pod.zone !== node.zone)) return false;
  if (own.antiAffinity !== 'off' && own.antiAffinity.required) {
    const { over } = own.antiAffinity;
    const isNear = (other: Pod) =>
      over === 'node'
        ? other.node === node.name
        : cluster.nodes.find(({ name }) => name === other.node)?.zone === node.zone;
    if (active(cluster, own.name).some(isNear)) return false;
  }
  const { gpus, cpus } = freeOn(
    spec,
    node,
    onNode(cluster, node).filter(each => !gone.includes(each)),
  );
  const needed = Math.max(1, own.milliGpus / 1000);
  return cpus >= own.milliCpus && gpus.filter(free => free >= Math.min(1000, own.milliGpus)).length >= needed;
}

/** The same again, of the same; and nothing more without news. */
export const isDeterministic =
  (decided: typeof decide): Check =>
  (spec, before, decision, nowMs) => {
    assert.deepEqual(decided(spec, structuredClone(before), nowMs), decision, 'determinism: it decides differently');
    if (decision.wakeAtMs <= nowMs) return;
    const again = decided(spec, decision.cluster, nowMs);
    assert.deepEqual(again.actions, [], 'determinism: it acts without news');
  };
