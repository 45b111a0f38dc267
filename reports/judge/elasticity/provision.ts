import type { Ramp } from '../../../harness/arrivals/arrivals.ts';
import type { TimedEvent } from '../../../harness/history.ts';
import { replicaEvents, scaleEvents } from './replicas.ts';

/** A stretch of time in which a number does not change. */
export interface Level {
  readonly fromMs: number;
  readonly toMs: number;
  readonly count: number;
}

/** Replicas that exist: starting, ready, or exited, whether or not they are restarted. They are paid for. */
export const EXISTING: readonly string[] = ['starting', 'ready', 'exited', 'failed'];
/** Replicas that serve. */
export const READY: readonly string[] = ['ready'];

/** Number of scaled replicas in one of the states, from `fromMs` to `toMs`. */
export function replicaLevels(
  events: readonly TimedEvent[],
  states: readonly string[],
  fromMs: number,
  toMs: number,
): Level[] {
  const current = new Map<string, string>();
  const counts = replicaEvents(events).map(({ replica, state, atMs }) => {
    current.set(replica, state);
    return { atMs, count: [...current.values()].filter(one => states.includes(one)).length };
  });
  return levelsOf(counts, 0, fromMs, toMs);
}

/** Time for which replicas existed from `fromMs` to `toMs`, all together, in ms. */
export function replicaMs(events: readonly TimedEvent[], fromMs: number, toMs: number): number {
  const levels = replicaLevels(events, EXISTING, fromMs, toMs);
  return levels.reduce((sum, level) => sum + level.count * (level.toMs - level.fromMs), 0);
}

/** Desired number of replicas, from `fromMs` to `toMs`. @param initial before the first change */
export function desiredLevels(events: readonly TimedEvent[], initial: number, fromMs: number, toMs: number): Level[] {
  const changes = scaleEvents(events).map(({ atMs, to }) => ({ atMs, count: to }));
  return levelsOf(changes, scaleEvents(events)[0]?.from ?? initial, fromMs, toMs);
}

function levelsOf(
  changes: readonly { readonly atMs: number; readonly count: number }[],
  initial: number,
  fromMs: number,
  toMs: number,
): Level[] {
  const levels: Level[] = [];
  let [beginMs, count] = [fromMs, initial];
  for (const change of changes) {
    const endMs = Math.min(toMs, Math.max(fromMs, change.atMs));
    if (endMs > beginMs && change.count !== count) {
      levels.push({ fromMs: beginMs, toMs: endMs, count });
      beginMs = endMs;
    }
    count = change.count;
  }
  if (toMs > beginMs) levels.push({ fromMs: beginMs, toMs, count });
  return levels;
}

/** Replicas that the load needs by its schedule: its rate over the capacity of a replica, rounded up. */
export function neededLevels(ramps: readonly Ramp[], capacityPerSecond: number, fromMs: number, toMs: number): Level[] {
  const changes = ramps.flatMap(ramp => {
    const { fromPerSecond: first, toPerSecond: last } = ramp;
    const isRising = last > first;
    const [low, high] = [Math.min(first, last), Math.max(first, last)];
    // Where a rate crosses a multiple of the capacity.
    const crossed = Array.from(
      { length: Math.max(0, Math.ceil(high / capacityPerSecond) - Math.ceil(low / capacityPerSecond)) },
      (_, index) => Math.ceil(low / capacityPerSecond) + index,
    );
    const crossings = crossed.map(multiple => ({
      atMs: ramp.fromMs + ((multiple * capacityPerSecond - first) / (last - first)) * (ramp.toMs - ramp.fromMs),
      count: isRising ? multiple + 1 : multiple,
    }));
    const start = { atMs: ramp.fromMs, count: Math.ceil(first / capacityPerSecond) };
    return [start, ...crossings.sort((a, b) => a.atMs - b.atMs)];
  });
  return levelsOf(changes, 0, fromMs, toMs);
}

/** Integral of a function of two levels over the time that both cover, in replica-seconds. */
export function integral(
  one: readonly Level[],
  other: readonly Level[],
  of: (one: number, other: number) => number,
): number {
  let sum = 0;
  let [i, j] = [0, 0];
  while (i < one.length && j < other.length) {
    const [a, b] = [one[i]!, other[j]!];
    const overlapMs = Math.min(a.toMs, b.toMs) - Math.max(a.fromMs, b.fromMs);
    if (overlapMs > 0) sum += (of(a.count, b.count) * overlapMs) / 1000;
    if (a.toMs <= b.toMs) i += 1;
    else j += 1;
  }
  return sum;
}
