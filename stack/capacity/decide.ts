import { formatMs } from '../../harness/quantity.ts';
import { seededRandom } from '../../harness/random.ts';
import { Board } from './board.ts';
import {
  type Cluster,
  type ClusterNode,
  type ClusterSpec,
  type Decision,
  type GroupSpec,
  groupOf,
  newPod,
  type Pod,
  poolOf,
} from './cluster.ts';
import { needOf, type Seat, seat, type Way } from './seats.ts';

/**
 * The scheduler and the node autoscaler, as a pure function: what has happened by `nowMs` takes effect, pods get places, nodes boot and stop.
 *
 * ```
 *           free, or after a preemption             image pulled, pod started
 * pending ─────────────────────────────▶ placed ─────────────────────────────▶ started
 *    ▲  └─ a node boots for it, or nothing       preempted, or its node is taken │
 *    └──────────────────────────── ending ◀──────────────────────────────────────┘
 * ```
 *
 * Pods of higher priority come first, then those of the earlier group. A pod that waits keeps its place, so that no other takes it meanwhile.
 * The same input gives the same decision; one without news changes nothing.
 */
export function decide(spec: ClusterSpec, cluster: Cluster, nowMs: number): Decision {
  let board = new Board(spec, cluster, nowMs);
  passTime(board);
  breakGangs(board);
  keepMinimum(board);
  for (const group of spec.groups.toSorted((a, b) => b.priority - a.priority)) board = placeGroup(board, group);
  stopIdle(board);
  const after = board.cluster();
  // A node less makes room for another one.
  const isSmaller = board.actions.some(action => action.kind === 'node' && action.state === 'stopped');
  return { cluster: after, actions: board.actions, wakeAtMs: isSmaller ? nowMs : wakeAt(spec, after) };
}

/** Decides until nothing more happens at `nowMs`. */
export function settle(spec: ClusterSpec, cluster: Cluster, nowMs: number): Decision {
  let decision = decide(spec, cluster, nowMs);
  while (decision.wakeAtMs <= nowMs) {
    const next = decide(spec, decision.cluster, nowMs);
    decision = { ...next, actions: [...decision.actions, ...next.actions] };
  }
  return decision;
}

function passTime(board: Board): void {
  const { nowMs, spec } = board;
  for (const pod of board.pods.values()) {
    if (pod.status === 'ending' && pod.endsAtMs <= nowMs) {
      board.pods.delete(pod.name);
      if (pod.isWanted) board.pods.set(pod.name, newPod(pod.name, pod.group, pod.zone));
    }
  }
  for (const node of board.nodes.values()) passTimeOf(board, node);
  for (const pod of board.pods.values()) {
    if (pod.status !== 'placed' || pod.isStarted || pod.startsAtMs > nowMs) continue;
    const isHealthy = groupOf(spec, pod.group).graceMs !== undefined;
    const started = { ...pod, isStarted: true, isHealthy };
    board.pods.set(pod.name, started);
    board.actions.push({ kind: 'start', pod: started });
  }
}

function passTimeOf(board: Board, found: ClusterNode): void {
  const { nowMs, spec } = board;
  const pool = poolOf(spec, found.pool);
  let node = found;
  const enter = (state: 'ready' | 'notice', reason: string, changes: Partial<ClusterNode> = {}) => {
    node = { ...node, state, ...changes };
    board.nodes.set(node.name, node);
    board.actions.push({ kind: 'node', node, state, reason });
  };
  if (node.state === 'booting' && node.readyAtMs <= nowMs)
    enter('ready', '', { noticeAtMs: node.readyAtMs + lifetimeOf(spec, node) });
  const owed = board.owed[pool.name] ?? 0;
  if (node.state === 'ready' && (owed > 0 || node.noticeAtMs <= nowMs)) {
    if (node.noticeAtMs > nowMs) board.owed[pool.name] = owed - 1;
    const takenAtMs = nowMs + pool.noticeMs;
    enter('notice', `its provider takes it in ${formatMs(pool.noticeMs)}`, { takenAtMs });
  }
  if (node.state !== 'notice') return;
  const isGone = node.takenAtMs <= nowMs;
  if (isGone) {
    board.nodes.delete(node.name);
    board.actions.push({ kind: 'node', node, state: 'taken', reason: '' });
  } else if (node.takenAtMs - pool.drainMs > nowMs) return;
  for (const pod of board.pods.values()) {
    if (pod.node !== node.name || (pod.status === 'ending' && !isGone)) continue;
    const leftMs = node.takenAtMs - nowMs;
    board.evict(pod, 'taken', isGone ? 'its node was taken' : `its node is taken in ${formatMs(leftMs)}`, isGone);
  }
}

/** Time from the boot of a node until it is given notice, by its name. */
function lifetimeOf(spec: ClusterSpec, { name, pool }: ClusterNode): number {
  const { lifetimeMs } = poolOf(spec, pool);
  if (!Number.isFinite(lifetimeMs)) return lifetimeMs;
  return seededRandom(spec.seed).stream(`node ${name}`).exponential(lifetimeMs);
}

/** Ends the rest of gangs that have lost too many. */
function breakGangs(board: Board): void {
  for (const { name, minAvailable } of board.spec.groups) {
    const active = board.active(name);
    if (active.length >= minAvailable) continue;
    const reason = `its gang of ${minAvailable} has ${active.length} left`;
    for (const pod of active) board.evict(pod, 'gang', reason);
  }
}

/**
 * Places the pods of a group: first those of a gang that has none, together, then each by itself. Those whose node will be taken, or that are
 * ending and wanted again, look for another place beforehand.
 */
function placeGroup(before: Board, { name, minAvailable }: GroupSpec): Board {
  let board = before;
  const pods = () => [...board.pods.values()].filter(({ group }) => group === name);
  const pending = () => pods().filter(({ status }) => status === 'pending');
  if (minAvailable > 1 && board.active(name).length < minAvailable) {
    const gang = pending().slice(0, minAvailable);
    const missing = minAvailable - gang.length;
    if (missing > 0) return waiting(board, gang, 'gang', `waits until ${missing} more of its gang have ended`);
    board = place(board, gang);
    if (board.active(name).length < minAvailable)
      return waiting(board, pending().slice(minAvailable), 'gang', 'the first of its gang have no places yet');
  }
  // Pods of a group are alike: where one has no place, the next ones have none, until something changes.
  const without = new Set<string | undefined>();
  for (const pod of pending()) {
    board = without.has(pod.zone) ? unplaced(board, [pod], '') : place(board, [pod]);
    if (board.pods.get(pod.name)!.waitsFor === 'nothing') without.add(pod.zone);
    else without.clear();
  }
  if (minAvailable === 1) for (const pod of pods().filter(each => isLeavingSoon(board, each))) reserve(board, pod);
  return board;
}

function isLeavingSoon(board: Board, { status, node, isWanted }: Pod): boolean {
  return isWanted && (status === 'ending' || board.nodes.get(node ?? '')?.state === 'notice');
}

/** Keeps another place for a pod that will lose its own, and boots a node if there is none. */
function reserve(board: Board, pod: Pod): void {
  seat(board, pod, ['free', 'ending', 'booting', 'boot']);
}

/** What is tried in turn. */
const ATTEMPTS: readonly (readonly Way[])[] = [
  ['free', 'ending', 'preempt'],
  ['free', 'ending', 'planned', 'booting'],
  ['free', 'ending', 'planned', 'booting', 'boot'],
];

/** Places pods, all or none. @returns the board afterwards */
function place(board: Board, pods: readonly Pod[]): Board {
  const gang = pods.length > 1 ? `${pods.length} places at once: ` : '';
  for (const ways of ATTEMPTS) {
    const trial = board.copy();
    const seats: Seat[] = [];
    for (const pod of pods) {
      const found = seat(trial, pod, ways);
      if (!found) break;
      seats.push(found);
    }
    if (seats.length < pods.length) continue;
    trial.planned.clear();
    if (seats.every(({ way }) => way === 'free')) return placed(trial, seats);
    // The last one to come is the reason.
    const last = seats.toSorted((a, b) => rank(a) - rank(b)).at(-1)!;
    const waitsFor = last.way === 'boot' || last.way === 'booting' ? 'boot' : 'end';
    for (const { pod, node } of seats) trial.pods.set(pod.name, { ...pod, nominated: node.name });
    return waiting(trial, pods, `${waitsFor} ${last.node.name}`, gang + last.reason);
  }
  return unplaced(board, pods, gang);
}

function unplaced(board: Board, pods: readonly Pod[], gang: string): Board {
  for (const pod of pods) if (pod.nominated !== undefined) board.pods.set(pod.name, { ...pod, nominated: undefined });
  return waiting(board, pods, 'nothing', gang + unplaceable(board, pods[0]!));
}

/** What comes later ranks higher: what is ending, what is yet to be preempted, nodes that boot. */
function rank({ way, node }: Seat): number {
  if (way === 'booting' || way === 'boot') return 3 + node.readyAtMs;
  return { free: 0, ending: 1, preempt: 1, planned: 2 }[way];
}

function placed(board: Board, seats: readonly Seat[]): Board {
  for (const { pod, node: chosen } of seats) {
    const claim = board.claims.find(({ name }) => name === pod.name)!;
    board.claims = board.claims.filter(each => each !== claim);
    const node = board.nodes.get(chosen.name)!;
    const { imagePullMs, podStartMs } = groupOf(board.spec, pod.group);
    const pulledAtMs = node.images[pod.group] ?? board.nowMs + imagePullMs;
    board.nodes.set(node.name, { ...node, images: { ...node.images, [pod.group]: pulledAtMs } });
    const startsAtMs = Math.max(board.nowMs, pulledAtMs) + podStartMs;
    const on = {
      ...pod,
      status: 'placed' as const,
      node: node.name,
      devices: claim.devices,
      startsAtMs,
      waitsFor: '',
      nominated: undefined,
    };
    board.pods.set(pod.name, on);
    const startMs = startsAtMs - board.nowMs;
    const pull = pulledAtMs > board.nowMs ? ', its image is pulled first' : '';
    board.actions.push({
      kind: 'place',
      pod: on,
      reason: startMs === 0 ? '' : `starts in ${formatMs(startMs)}${pull}`,
    });
  }
  return board;
}

/** Says why pods wait, unless that is known. */
function waiting(board: Board, pods: readonly Pod[], waitsFor: string, reason: string): Board {
  for (const { name } of pods) {
    const pod = board.pods.get(name)!;
    if (pod.waitsFor === waitsFor) continue;
    const waits = { ...pod, waitsFor };
    board.pods.set(pod.name, waits);
    board.actions.push({ kind: 'pending', pod: waits, reason });
  }
  return board;
}

function unplaceable(board: Board, pod: Pod): string {
  const { pools } = groupOf(board.spec, pod.group);
  const full = board.spec.pools
    .filter(({ name }) => pools.includes(name))
    .map(({ name, max }) => {
      const isFull = board.count(name).all >= max;
      const nodes = `${max} node${max === 1 ? '' : 's'}`;
      return isFull ? `${name} has its maximum of ${nodes}` : `another node of ${name} would not help`;
    });
  return `no node has ${needOf(board, pod)}, ${full.join(', ')}`;
}

function keepMinimum(board: Board): void {
  for (const { name, min, max } of board.spec.pools) {
    for (let { staying, all } = board.count(name); staying < min && all < max; staying += 1, all += 1)
      board.boot(name, `${name} has at least ${min}`);
  }
}

function stopIdle(board: Board): void {
  const used = new Set(board.held().map(({ node }) => node));
  for (const node of [...board.nodes.values()].reverse()) {
    if (node.state !== 'ready') continue;
    const emptySinceMs = used.has(node.name) ? undefined : (node.emptySinceMs ?? board.nowMs);
    const { name, min, idleMs } = poolOf(board.spec, node.pool);
    const isIdle = emptySinceMs !== undefined && board.nowMs - emptySinceMs >= idleMs;
    if (isIdle && board.count(name).staying > min) {
      board.nodes.delete(node.name);
      board.actions.push({ kind: 'node', node, state: 'stopped', reason: `empty for ${formatMs(idleMs)}` });
    } else if (emptySinceMs !== node.emptySinceMs) board.nodes.set(node.name, { ...node, emptySinceMs });
  }
}

function wakeAt(spec: ClusterSpec, { nodes, pods }: Cluster): number {
  const counts = Map.groupBy(
    nodes.filter(({ state }) => state !== 'notice'),
    ({ pool }) => pool,
  );
  const isOn = ({ status, node }: Pod, name: string) => status === 'placed' && node === name;
  const ofNodes = nodes.flatMap(({ name, pool, state, readyAtMs, noticeAtMs, takenAtMs, emptySinceMs }) => {
    if (state === 'booting') return [readyAtMs];
    const { min, idleMs, drainMs } = poolOf(spec, pool);
    if (state === 'notice') return [pods.some(pod => isOn(pod, name)) ? takenAtMs - drainMs : takenAtMs];
    const canStop = emptySinceMs !== undefined && (counts.get(pool)?.length ?? 0) > min;
    return [noticeAtMs, ...(canStop ? [emptySinceMs + idleMs] : [])];
  });
  const ofPods = pods.flatMap(({ status, isStarted, startsAtMs, endsAtMs }) => {
    if (status === 'ending') return [endsAtMs];
    return status === 'placed' && !isStarted ? [startsAtMs] : [];
  });
  return Math.min(Number.POSITIVE_INFINITY, ...ofNodes, ...ofPods);
}
