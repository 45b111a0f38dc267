import { formatMs } from '../../harness/quantity.ts';
import type { Board } from './board.ts';
import { type ClusterNode, groupOf, type Pod } from './cluster.ts';
import { compareVictims, isLeaving, victimsOn } from './preemption.ts';

/**
 * How a pod gets its place, in the order in which it is tried: on what is free, on what is ending, by preemption,
 * by preemption once the rest of its gang has places, on a node that boots, on one that is booted for it.
 */
export type Way = 'free' | 'ending' | 'preempt' | 'planned' | 'booting' | 'boot';

/** A place for a pod. */
export interface Seat {
  readonly pod: Pod;
  readonly way: Way;
  readonly node: ClusterNode;
  /** Why it does not have it yet, in words. */
  readonly reason: string;
}

/**
 * Finds a place for a pod and keeps it: by a claim on the board, on which preempted pods are then told to end, and nodes boot.
 * @returns undefined if there is none; the board is then unchanged
 */
export function seat(board: Board, pod: Pod, ways: readonly Way[]): Seat | undefined {
  for (const way of ways) {
    const found = WAYS[way](board, pod);
    if (!found) continue;
    const { node, devices, reason } = found;
    board.claims.push({ name: pod.name, group: pod.group, node: node.name, devices, kind: 'claim' });
    return { pod, way, node, reason };
  }
  return undefined;
}

/** What a pod needs, in words: `1 GPU free`, `0.5 GPU and 8 CPUs free`. */
export function needOf(board: Board, pod: Pod): string {
  const { milliGpus, milliCpus, antiAffinity } = groupOf(board.spec, pod.group);
  const amount = (milli: number, unit: string) =>
    milli === 0 ? [] : [`${milli / 1000} ${unit}${milli > 1000 ? 's' : ''}`];
  const parts = [...amount(milliGpus, 'GPU'), ...amount(milliCpus, 'CPU')];
  const alone = antiAffinity !== 'off' && antiAffinity.required ? ` in a ${antiAffinity.over} of its own` : '';
  return `${parts.length === 0 ? 'room' : parts.join(' and ')} free${alone}`;
}

interface Found {
  readonly node: ClusterNode;
  readonly devices: readonly number[];
  readonly reason: string;
}

const WAYS: Readonly<Record<Way, (board: Board, pod: Pod) => Found | undefined>> = {
  free: (board, pod) => on(board, pod, 'ready', () => false),
  ending: (board, pod) =>
    on(
      board,
      pod,
      'ready',
      held => isLeaving(board, held),
      node => {
        const names = board
          .held(node.name)
          .filter(held => isLeaving(board, held))
          .map(({ name }) => name);
        return `waits for ${listed(names)} to end on ${node.name}`;
      },
    ),
  preempt: (board, pod) => preempted(board, pod, false),
  booting: (board, pod) =>
    on(
      board,
      pod,
      'booting',
      () => false,
      node => bootReason(board, pod, node),
    ),
  planned: (board, pod) => preempted(board, pod, true),
  boot: (board, pod) => {
    for (const { name, max } of board.spec.pools) {
      if (board.count(name).all >= max) continue;
      const zones = pod.zone === undefined ? [board.emptiestZone(name), ...board.spec.zones] : [pod.zone];
      const zone = zones.find(each => board.fit(pod, board.nextNode(name, each)));
      if (zone === undefined) continue;
      const node = board.boot(name, `for ${pod.name}`, zone);
      return { node, devices: board.fit(pod, node)!, reason: bootReason(board, pod, node) };
    }
    return undefined;
  },
};

function on(
  board: Board,
  pod: Pod,
  state: ClusterNode['state'],
  isFree: Parameters<Board['fit']>[2],
  reason: (node: ClusterNode) => string = () => '',
): Found | undefined {
  for (const node of preferred(board, pod, state)) {
    const devices = board.fit(pod, node, isFree);
    if (devices) return { node, devices, reason: reason(node) };
  }
  return undefined;
}

/** On the node where the least has to end. */
function preempted(board: Board, pod: Pod, isPlanned: boolean): Found | undefined {
  const options = preferred(board, pod, 'ready').flatMap(node => {
    const victims = victimsOn(board, pod, node);
    return victims ? [{ node, victims }] : [];
  });
  const [best] = options.sort((a, b) => compareVictims(board, a.victims, b.victims));
  if (!best) return undefined;
  const { node, victims } = best;
  const { priority } = groupOf(board.spec, pod.group);
  for (const victim of victims) {
    if (isPlanned) board.planned.add(victim.name);
    else {
      const own = groupOf(board.spec, victim.group).priority;
      board.evict(victim, 'preempted', `preempted by ${pod.name}, of priority ${priority} over ${own}`);
    }
  }
  const devices = board.fit(pod, node, held => isLeaving(board, held))!;
  const reason = `preempts ${listed(victims.map(({ name }) => name))} on ${node.name}`;
  return { node, devices, reason };
}

/**
 * Nodes in a state, the best first: the one that it waits for, the fewest pods of its group nearby where it wants that, the pool's order, the
 * fullest. Of those that boot it is the oldest, so that another one changes nothing for those that wait.
 */
function preferred(board: Board, pod: Pod, state: ClusterNode['state']): ClusterNode[] {
  const nodes = [...board.nodes.values()].filter(node => node.state === state);
  if (nodes.length < 2) return nodes;
  const group = groupOf(board.spec, pod.group);
  const pools = board.spec.pools.map(({ name }) => name);
  const loads = new Map<string, number>();
  for (const { node, group: name } of board.held()) {
    const { milliGpus, milliCpus } = groupOf(board.spec, name);
    loads.set(node, (loads.get(node) ?? 0) + milliGpus + milliCpus);
  }
  const rank = (node: ClusterNode) =>
    state === 'booting'
      ? []
      : [board.neighbours(group, node).length, pools.indexOf(node.pool), -(loads.get(node.name) ?? 0)];
  return nodes
    .map((node, nth) => ({ node, rank: [node.name === pod.nominated ? 0 : 1, ...rank(node), nth] }))
    .sort((a, b) => compare(a.rank, b.rank))
    .map(({ node }) => node);
}

function compare(a: readonly number[], b: readonly number[]): number {
  const index = a.findIndex((value, nth) => value !== b[nth]);
  return index < 0 ? 0 : a[index]! - b[index]!;
}

function bootReason(board: Board, pod: Pod, node: ClusterNode): string {
  const leftMs = Math.max(0, node.readyAtMs - board.nowMs);
  return `no node has ${needOf(board, pod)}, ${node.name} boots in ${formatMs(leftMs)}`;
}

/** `batch-1`, `batch-1 and 2 more`. */
function listed([first = '', ...rest]: readonly string[]): string {
  return rest.length === 0 ? first : `${first} and ${rest.length} more`;
}
