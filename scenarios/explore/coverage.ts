import { areApart, type ChaosPlan, type ChaosTarget, overlaps, spanOf } from './chaos.ts';
import type { Schedule } from './schedule.ts';

/** How much of what an exploration can combine its schedules have combined. */
export interface Coverage {
  /** Pairs of faults, each a kind on a target, at once or one after the other, that schedules had. */
  readonly covered: number;
  /** All that the `chaos` section allows. */
  readonly possible: number;
  /** Numbers of schedules, and of the pairs that they had covered: at most {@link MAX_POINTS} points, the last one of all. */
  readonly overTime: readonly (readonly [schedules: number, pairs: number])[];
  /** Pairs that the last quarter of the schedules was the first to have. */
  readonly newInLastQuarter: number;
}

const MAX_POINTS = 100;

interface Point {
  readonly name: string;
  readonly target: ChaosTarget;
}

/** Counts pairs over the schedules that it is told, in their order. */
export class CoverageCount {
  readonly #points: readonly Point[];
  readonly #seen = new Set<string>();
  readonly #overTime: number[] = [];
  readonly #possible: number;

  constructor(chaos: ChaosPlan) {
    const points = chaos.kinds.flatMap(({ kind, targets }) =>
      targets.map(target => ({ name: nameOf(kind, target), target })),
    );
    this.#points = [...new Map(points.map(point => [point.name, point])).values()];
    this.#possible = possiblePairs(this.#points, chaos);
  }

  /** Counts a schedule. */
  add({ faults }: Schedule): void {
    const spans = faults.flatMap(fault => {
      const point = this.#points.find(({ name }) => name === `${fault.kind} ${fault.on}`);
      return point ? [{ point, span: spanOf({ ...fault, target: point.target }) }] : [];
    });
    for (const [nth, one] of spans.entries())
      for (const other of spans.slice(nth + 1))
        this.#seen.add(pairOf(one.point, other.point, overlaps(one.span, other.span)));
    this.#overTime.push(this.#seen.size);
  }

  /** The count so far. */
  result(): Coverage {
    const count = this.#overTime.length;
    const covered = this.#seen.size;
    const before = this.#overTime[Math.floor(0.75 * count) - 1] ?? 0;
    const points = Math.min(MAX_POINTS, count);
    const after = Array.from({ length: points }, (_, nth) => Math.ceil(((nth + 1) * count) / points));
    return {
      ...{ covered, possible: this.#possible, newInLastQuarter: covered - before },
      overTime: after.map(schedules => [schedules, this.#overTime[schedules - 1]!]),
    };
  }
}

function nameOf(kind: string, { name }: ChaosTarget): string {
  return `${kind} ${name}`;
}

function pairOf(one: Point, other: Point, areAtOnce: boolean): string {
  return [...[one.name, other.name].sort(), areAtOnce ? 'at once' : 'in turn'].join(' + ');
}

function possiblePairs(points: readonly Point[], { budget, atOnce }: ChaosPlan): number {
  if (budget < 2) return 0;
  const pairs = points.flatMap((one, nth) => points.slice(nth).map(other => [one, other] as const));
  const apart = pairs.filter(([one, other]) => areApart(one.target, other.target)).length;
  return pairs.length + (atOnce < 2 ? 0 : apart);
}
