import type { AttackPoint } from '../../../harness/requests.ts';
import type { AttackSample } from './tally.ts';

/**
 * The course of an attack, in at most `maxPoints` points, for reports. A point that joins several samples has the counts of the last,
 * and the largest number of open connections of any. Pure.
 * @param maxPoints at least 2
 */
export function attackPoints(timeline: readonly AttackSample[], maxPoints: number): AttackPoint[] {
  const size = Math.ceil(timeline.length / maxPoints);
  return Array.from({ length: Math.ceil(timeline.length / size) }, (_, index) => {
    const group = timeline.slice(index * size, (index + 1) * size);
    const { atMs, evicted: closed, refused, turnedAway, rejected, served } = group.at(-1)!;
    const open = Math.max(...group.map(sample => sample.held));
    return { atMs, open, closed, rejected: refused + turnedAway + rejected, served };
  });
}
