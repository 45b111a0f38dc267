import type { TimedEvent } from '../../../harness/history.ts';
import { scaleEvents } from './replicas.ts';

/** A change of the desired number of replicas. */
interface Change {
  readonly atMs: number;
  readonly from: number;
  readonly to: number;
}

/** Instants at which the direction of scaling turned: up after down, or down after up. */
export function turnsOf(changes: readonly Change[]): number[] {
  return changes.flatMap(({ atMs, from, to }, index) => {
    const before = changes[index - 1];
    return before && Math.sign(to - from) !== Math.sign(before.to - before.from) ? [atMs] : [];
  });
}

/** Those from `fromMs` to `toMs`, by the events of a run. */
export function turnsWithin(events: readonly TimedEvent[], fromMs: number, toMs: number): number[] {
  return turnsOf(scaleEvents(events)).filter(atMs => atMs >= fromMs && atMs < toMs);
}

/** Largest number of instants in any window of `windowMs`. @param instants in order */
export function mostWithin(instants: readonly number[], windowMs: number): number {
  let first = 0;
  return instants.reduce((most, atMs, index) => {
    while (atMs - instants[first]! > windowMs) first += 1;
    return Math.max(most, index - first + 1);
  }, 0);
}
