import type { AttackPoint } from '../../../harness/requests.ts';
import type { AttackSample } from './tally.ts';

/**
 * An attack over time, in at most so many points, for reports. Where samples are joined, the point has the last's counts, and the most
 * that any of them held. Pure.
 * @param most at least 2
 */
export function attackPoints(timeline: readonly AttackSample[], most: number): AttackPoint[] {
  const size = Math.ceil(timeline.length / most);
  return Array.from({ length: Math.ceil(timeline.length / size) }, (_, index) => {
    const group = timeline.slice(index * size, (index + 1) * size);
    const { atMs, evicted: closed, refused, turnedAway, rejected, served } = group.at(-1)!;
    const held = Math.max(...group.map(sample => sample.held));
    return { atMs, held, closed, refused: refused + turnedAway + rejected, served };
  });
}
