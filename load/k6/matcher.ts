import { type Share, WHOLE } from '../../harness/segment.ts';

/** How long a start that seems late waits for a later one that shows it was no drop, in ms. */
const HOLD_MS = 1000;

/** What became of one tick of the schedule: iteration `iteration` took it, or (null) nobody did. */
export interface Tick {
  /** Position in the whole schedule, from 0. */
  readonly index: number;
  /** When it was due, on the clock of the starts. */
  readonly atMs: number;
  readonly iteration: number | null;
}

/**
 * Finds which tick of the schedule each iteration belongs to. k6 starts iterations in the order of their ticks, never before
 * them, and drops a tick that finds no idle virtual user; it tells neither the tick nor the drop.
 *
 * ```
 * ticks   0    1    2    3    4    5         iteration 2 began after tick 4: two drops, or late?
 * starts  0 ·  1 ·             ··2 · 3       iteration 3 began before tick 6, so two ticks were dropped
 * ```
 *
 * An iteration k that began after n ticks had come due had at most n − k − 1 drops before it; so had every earlier one. The
 * least of those bounds over the iterations up to a second later is taken for the truth. Without drops it is exact, however
 * late k6 was; with drops, lateness is told too small rather than drops too few. Pure: times come from the caller.
 */
export class ScheduleMatcher {
  readonly #schedule: Iterator<number>;
  readonly #step: number;
  /** Ticks that came due and belong to nobody yet; the first has index `#firstTick`. */
  #due: number[] = [];
  #firstTick: number;
  #lastMs = 0;
  #nextTick: IteratorResult<number>;
  /** Starts whose tick is not known, by iteration; the first unknown one is `#next`. */
  readonly #starts = new Map<number, number>();
  #next: number;
  /** The executor's own zero on the clock of the starts: no iteration can have begun before its tick. */
  #originMs = Number.POSITIVE_INFINITY;

  /**
   * @param schedule ms after the executor's beginning, ascending
   * @param share whose ticks and iterations these are: of both the first has its number, and each next is `step` further
   */
  constructor(schedule: Iterator<number>, { first, step }: Share = WHOLE) {
    this.#schedule = schedule;
    this.#step = step;
    this.#firstTick = first;
    this.#next = first;
    this.#nextTick = schedule.next();
  }

  /** Notes that an iteration began. Order does not matter much: iterations are matched when all before them are in. */
  started(iteration: number, atMs: number): void {
    this.#starts.set(iteration, atMs);
  }

  /** The ticks whose fate is known by now, in order. */
  take(nowMs: number): Tick[] {
    return this.#take(nowMs - HOLD_MS);
  }

  /** All that is left, when no more iterations will start; ticks that were due before `endMs` went by unused. */
  finish(endMs: number): Tick[] {
    const ticks = this.#take(Number.POSITIVE_INFINITY);
    this.#bringDue(endMs);
    return [...ticks, ...this.#drop(this.#due.length)];
  }

  #take(olderThanMs: number): Tick[] {
    const known: number[] = [];
    for (let k = this.#next; this.#starts.has(k); k += this.#step) known.push(this.#starts.get(k)!);
    const bounds = this.#bounds(known);
    const ticks: Tick[] = [];
    let dropped = 0;
    for (const [offset, startMs] of known.entries()) {
      const bound = bounds[offset]!;
      if (bound > dropped && startMs > olderThanMs) break;
      ticks.push(...this.#drop(bound - dropped));
      dropped = Math.max(dropped, bound);
      ticks.push(this.#assign());
    }
    return ticks;
  }

  /** How many of the ticks that are due may at most have been dropped before each of these successive starts. */
  #bounds(starts: readonly number[]): number[] {
    for (const [offset, startMs] of starts.entries()) {
      while (this.#due.length <= offset && this.#pull());
      const tickMs = this.#due[offset];
      if (tickMs !== undefined) this.#originMs = Math.min(this.#originMs, startMs - tickMs);
    }
    const bounds = starts.map((startMs, offset) => {
      this.#bringDue(startMs);
      return Math.max(0, this.#dueAt(startMs) - offset - 1);
    });
    for (let i = bounds.length - 2; i >= 0; i -= 1) bounds[i] = Math.min(bounds[i]!, bounds[i + 1]!);
    return bounds;
  }

  /** Of the ticks in `#due`, how many were due at an instant. */
  #dueAt(atMs: number): number {
    let low = 0;
    let high = this.#due.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#due[middle]! + this.#originMs <= atMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #bringDue(nowMs: number): void {
    while (!this.#nextTick.done && this.#nextTick.value + this.#originMs <= nowMs) this.#pull();
  }

  /** @returns whether there was one more */
  #pull(): boolean {
    if (this.#nextTick.done) return false;
    this.#lastMs = this.#nextTick.value;
    this.#due.push(this.#lastMs);
    this.#nextTick = this.#schedule.next();
    return true;
  }

  #drop(count: number): Tick[] {
    return Array.from({ length: Math.max(0, count) }, () => this.#shift(null));
  }

  #assign(): Tick {
    const iteration = this.#next;
    this.#starts.delete(iteration);
    this.#next += this.#step;
    if (this.#due.length === 0) this.#pull();
    return this.#shift(iteration);
  }

  #shift(iteration: number | null): Tick {
    // Of two ways to add fractions up one may hold an iteration more, at the last instant: that is then its tick.
    const atMs = (this.#due.shift() ?? this.#lastMs) + this.#originMs;
    const index = this.#firstTick;
    this.#firstTick += this.#step;
    return { index, atMs, iteration };
  }
}
