import type { Random } from '../../harness/random.ts';

/** Index of a choice in each dimension. */
export type Point = readonly number[];

/** A dimension as the search sees it: a number of choices, from the safest to the cheapest. */
export interface Axis {
  readonly size: number;
  /** Index of what the user has. */
  readonly own: number;
}

interface Move {
  readonly axis: number;
  readonly by: number;
}

/** Ratio of an axis that its first step goes. */
const FIRST_STEP_RATIO = 0.25;
/** How far a random point is from the best one in each dimension, as a ratio of the axis: one standard deviation. */
const SPREAD_RATIO = 0.15;
/** Attempts to draw a random point that is new. */
const MAX_DRAWS = 50;

/**
 * What to try next: Hooke and Jeeves' pattern search (J. ACM 8, 1961), in which every step has a known direction (cheaper while the best
 * point meets the SLOs, otherwise safer) and a length of its own, which doubles as it succeeds and halves as it fails. Beside the steps there
 * are exchanges, which go cheaper in one dimension and safer in another, since the optimum lies at the edge of what meets the SLOs, and random
 * points around the best one.
 */
export class Proposals {
  readonly #axes: readonly Axis[];
  readonly #random: Random;
  readonly #isAllowed: (point: Point) => boolean;
  readonly #seen = new Set<string>();
  readonly #pending = new Map<string, readonly Move[]>();
  #patterns: (readonly Move[])[] = [];
  #steps: number[];
  #isMet: boolean | undefined;
  #turn = 0;

  constructor(axes: readonly Axis[], isAllowed: (point: Point) => boolean, random: Random) {
    this.#axes = axes;
    this.#isAllowed = isAllowed;
    this.#random = random;
    this.#steps = firstSteps(axes);
    this.#seen.add(keyOf(axes.map(({ own }) => own)));
  }

  /** Whether every single step from the best point has been tried without success. */
  get isExhausted(): boolean {
    return this.#patterns.length === 0 && this.#steps.every(step => step === 0);
  }

  /** New points around `best`, at most `count`. @param isMet whether `best` meets the SLOs */
  next(best: Point, isMet: boolean, count: number): Point[] {
    const sign = isMet ? 1 : -1;
    if (isMet !== this.#isMet) this.#steps = firstSteps(this.#axes);
    this.#isMet = isMet;
    const points: Point[] = [];
    const add = (moves: readonly Move[]) => {
      const point = this.#moved(best, moves);
      const key = keyOf(point);
      if (this.#seen.has(key) || !this.#isAllowed(point)) return false;
      this.#seen.add(key);
      this.#pending.set(key, moves);
      points.push(point);
      return true;
    };
    const all = this.#axes.map((_, axis) => ({ axis, by: sign * this.#steps[axis]! }));
    for (const moves of this.#patterns.splice(0)) if (points.length < count) add(moves);
    // From a point that fails, far: nothing is known about what it costs to be safe.
    if (!isMet && points.length < count) add(all);
    const wanted = Math.max(1, count - (isMet ? 1 : 0));
    for (const axis of this.#inTurn()) {
      if (points.length >= wanted) break;
      // A step that leads nowhere new is shortened until one does.
      while (this.#steps[axis]! > 0 && !add([{ axis, by: sign * this.#steps[axis]! }])) this.#shorten(axis);
    }
    for (let draws = 0; draws < MAX_DRAWS && points.length < count; draws += 1)
      add(isMet && draws % 2 === 0 ? this.#exchange() : this.#around());
    return points;
  }

  /** What became of points of {@link next}. @param winner the point that is the best one from now on, if any is */
  learn(outcomes: readonly { readonly point: Point; readonly isBetter: boolean }[], winner: Point | undefined): void {
    const gains: (readonly Move[])[] = [];
    let repeated: readonly Move[] | undefined;
    for (const { point, isBetter } of outcomes) {
      const moves = this.#pending.get(keyOf(point))!;
      this.#pending.delete(keyOf(point));
      const isWinner = winner !== undefined && keyOf(point) === keyOf(winner);
      if (isBetter && !isWinner) gains.push(moves);
      if (isWinner && moves.length > 1) repeated = moves;
      const [move, ...others] = moves;
      if (!move || others.length > 0) continue;
      if (isBetter) this.#steps[move.axis] = Math.min(this.#axes[move.axis]!.size - 1, 2 * Math.abs(move.by));
      else this.#shorten(move.axis);
    }
    if (!winner) return;
    // What was also better may be so together with the winner.
    if (gains.length > 0) this.#patterns = [gains.flat(), ...gains];
    if (repeated) this.#patterns.push(repeated);
    this.#steps = this.#steps.map(step => Math.max(1, step));
  }

  #shorten(axis: number): void {
    this.#steps[axis] = Math.floor(this.#steps[axis]! / 2);
  }

  /** Axes, longest steps first in proportion; equal ones in turn. */
  #inTurn(): number[] {
    const count = this.#axes.length;
    const first = this.#turn;
    this.#turn += 1;
    const ratio = (axis: number) => this.#steps[axis]! / this.#axes[axis]!.size;
    return this.#axes.map((_, index) => (index + first) % count).sort((a, b) => ratio(b) - ratio(a));
  }

  #moved(from: Point, moves: readonly Move[]): Point {
    const point = [...from];
    for (const { axis, by } of moves)
      point[axis] = Math.min(this.#axes[axis]!.size - 1, Math.max(0, point[axis]! + by));
    return point;
  }

  /** Cheaper in one dimension, safer in another, each by a length of any magnitude. */
  #exchange(): Move[] {
    const cheaper = this.#random.integer(0, this.#axes.length - 1);
    const safer = (cheaper + this.#random.integer(1, Math.max(1, this.#axes.length - 1))) % this.#axes.length;
    return [
      { axis: cheaper, by: this.#length(cheaper) },
      { axis: safer, by: -this.#length(safer) },
    ];
  }

  #around(): Move[] {
    return this.#axes.map(({ size }, axis) => ({
      axis,
      by: Math.round(this.#random.normal() * SPREAD_RATIO * size),
    }));
  }

  #length(axis: number): number {
    return Math.round((this.#axes[axis]!.size / 2) ** this.#random.next());
  }
}

function firstSteps(axes: readonly Axis[]): number[] {
  return axes.map(({ size }) => Math.max(1, Math.floor(FIRST_STEP_RATIO * size)));
}

/** Key of a point in a map. */
export function keyOf(point: Point): string {
  return point.join(' ');
}
