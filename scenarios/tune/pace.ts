/** Runs from which on those after the first are the measure: it pays for the start of the processes. */
const MIN_RUNS = 3;
/** Largest part of the time that is kept for what must follow the search, so that it is not given up by a slow beginning. */
const MAX_LATER_RATIO = 0.6;
/** How much longer than so far runs are expected to take. */
const RESERVE_RATIO = 1.2;

/** How long runs take on this machine, and whether there is time for more of them. */
export class Pace {
  readonly #nowMs: () => number;
  readonly #budgetMs: number;
  #firstMs = 0;
  #count = 0;

  /** @param nowMs time since the beginning */
  constructor(nowMs: () => number, budgetMs: number) {
    this.#nowMs = nowMs;
    this.#budgetMs = budgetMs;
  }

  /** Counts a run that has ended. */
  ended(): void {
    this.#count += 1;
    if (this.#count === 1) this.#firstMs = this.#nowMs();
  }

  /** Time for each run so far, in ms, where those side by side share theirs; 0 before any ended. */
  get perRunMs(): number {
    if (this.#count === 0) return 0;
    if (this.#count < MIN_RUNS) return this.#nowMs() / this.#count;
    return (this.#nowMs() - this.#firstMs) / (this.#count - 1);
  }

  /** Whether as many runs are likely to end in time. @param later runs that must follow them */
  hasTime(runs: number, later: number): boolean {
    const perRunMs = RESERVE_RATIO * this.perRunMs;
    const laterMs = Math.min(later * perRunMs, MAX_LATER_RATIO * this.#budgetMs);
    return this.#nowMs() + runs * perRunMs + laterMs <= this.#budgetMs;
  }
}
