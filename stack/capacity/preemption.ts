import { type Board, type Held, WHOLE } from './board.ts';
import { type ClusterNode, groupOf, type Pod } from './cluster.ts';

/**
 * Pods of lower priority that have to end so that `pod` fits on a node: as few and as unimportant as possible, and no more of a group than its
 * disruption budget allows. A gang that would be left with too few ends as a whole.
 *
 * First as many are taken away as it needs, the least important first; then those that turn out to be unnecessary are given back, the most
 * important first, as the scheduler of Kubernetes does. There budgets are a preference; here they hold.
 * @returns undefined if it does not fit whatever is taken away
 */
export function victimsOn(board: Board, pod: Pod, node: ClusterNode): Pod[] | undefined {
  const { priority } = groupOf(board.spec, pod.group);
  const lower = board
    .held(node.name)
    .filter(
      ({ kind, name, group }) => kind === 'placed' && !board.planned.has(name) && priorityOf(board, group) < priority,
    )
    .map(({ name }) => board.pods.get(name)!);
  if (!board.fit(pod, node, held => isLeaving(board, held) || lower.some(({ name }) => name === held.name)))
    return undefined;
  const found = ordersOf(board, pod, lower).flatMap(order => {
    const victims = enough(board, pod, node, order);
    return victims ? [victims] : [];
  });
  return found.sort((a, b) => compareVictims(board, a, b))[0];
}

/** Fewer and less important victims come first. */
export function compareVictims(board: Board, a: readonly Pod[], b: readonly Pod[]): number {
  const highest = (pods: readonly Pod[]) => Math.max(0, ...pods.map(({ group }) => priorityOf(board, group)));
  return highest(a) - highest(b) || a.length - b.length;
}

/** Whether what is held will be free without another eviction. */
export function isLeaving(board: Board, { kind, name }: Held): boolean {
  return kind === 'ending' || (kind === 'placed' && board.planned.has(name));
}

/** Whether the disruption budgets of their groups allow that these pods end. */
export function isWithinBudget(board: Board, victims: readonly Pod[]): boolean {
  const gone = new Set(victims.map(({ name }) => name));
  return [...new Set(victims.map(({ group }) => group))].every(name => {
    const { disruptionBudget: budget } = groupOf(board.spec, name);
    if (budget === 'off') return true;
    const wanted = [...board.pods.values()].filter(pod => pod.group === name && pod.isWanted).length;
    const desired = 'minAvailable' in budget ? budget.minAvailable : wanted - budget.maxUnavailable;
    return board.active(name).filter(pod => pod.isHealthy && !gone.has(pod.name)).length >= desired;
  });
}

const priorityOf = (board: Board, group: string) => groupOf(board.spec, group).priority;

/** Pods of lower priority in the orders in which to try to take them away: GPU by GPU, each of which comes first once. */
function ordersOf(board: Board, pod: Pod, lower: readonly Pod[]): (readonly Pod[])[] {
  const sorted = lower.toReversed().sort((a, b) => priorityOf(board, a.group) - priorityOf(board, b.group));
  const { milliGpus } = groupOf(board.spec, pod.group);
  if (milliGpus === 0) return [sorted];
  const devices = [...new Set(sorted.flatMap(each => each.devices))].map(device => ({
    device,
    pods: sorted.filter(each => each.devices.includes(device)),
  }));
  // The GPU that costs least comes first.
  devices.sort((a, b) => compareVictims(board, a.pods, b.pods) || a.device - b.device);
  const inOrder = (first: readonly (typeof devices)[number][]) => [
    ...new Set([...first.flatMap(({ pods }) => pods), ...sorted]),
  ];
  if (milliGpus > WHOLE) return [inOrder(devices)];
  return devices.length === 0 ? [sorted] : devices.map(device => inOrder([device]));
}

function enough(board: Board, pod: Pod, node: ClusterNode, order: readonly Pod[]): Pod[] | undefined {
  let taken: (readonly Pod[])[] = [];
  const fitsWithout = (evictions: readonly (readonly Pod[])[]) => {
    const gone = new Set(evictions.flat().map(({ name }) => name));
    return board.fit(pod, node, held => isLeaving(board, held) || gone.has(held.name)) !== undefined;
  };
  for (const candidate of order) {
    if (fitsWithout(taken)) break;
    if (taken.flat().includes(candidate)) continue;
    const more = withGang(board, candidate, taken.flat());
    if (isWithinBudget(board, [...taken.flat(), ...more])) taken.push(more);
  }
  if (!fitsWithout(taken)) return undefined;
  for (const given of taken.toSorted((a, b) => compareVictims(board, b, a))) {
    const without = taken.filter(each => each !== given);
    if (leavesWholeGangs(board, without.flat()) && fitsWithout(without)) taken = without;
  }
  return taken.flat();
}

/** A pod, and all others of its gang if too few would be left. */
function withGang(board: Board, pod: Pod, taken: readonly Pod[]): Pod[] {
  const { minAvailable } = groupOf(board.spec, pod.group);
  const others = board.active(pod.group).filter(each => each !== pod && !taken.includes(each));
  return minAvailable > 1 && others.length < minAvailable ? [pod, ...others] : [pod];
}

function leavesWholeGangs(board: Board, victims: readonly Pod[]): boolean {
  return victims.every(({ group }) => {
    const left = board.active(group).filter(each => !victims.includes(each)).length;
    return left === 0 || left >= groupOf(board.spec, group).minAvailable;
  });
}
