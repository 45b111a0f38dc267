/** Requests of slots that are open at once, … */
const MAX_OPEN = 2 ** 17;
/** … and slots before the one of the last request that then stay open. What is scheduled earlier than those is not counted. */
const OPEN_SLOTS = 60;

/**
 * Folds of requests by slot of their scheduled arrival, closed one after the other in a long run, since they keep values:
 *
 * ```
 *   closed      │ open: 60 │
 * ──────────────┼──────────┤ last arrival
 * ```
 */
export class Slots<Fold> {
  readonly #count: number;
  readonly #create: () => Fold;
  readonly #close: (fold: Fold, slot: number) => void;
  readonly #open = new Map<number, { readonly fold: Fold; requests: number }>();
  #requests = 0;
  #closedBefore = 0;

  /** @param close called once for each slot with requests, in no order */
  constructor(count: number, create: () => Fold, close: (fold: Fold, slot: number) => void) {
    this.#count = count;
    this.#create = create;
    this.#close = close;
  }

  /** Fold of the slot of one more request, or of so many; undefined if it is outside, or closed. */
  at(slot: number, requests = 1): Fold | undefined {
    if (!(slot >= this.#closedBefore && slot < this.#count)) return undefined;
    let found = this.#open.get(slot);
    if (!found) {
      if (this.#requests > MAX_OPEN) this.#closeBefore(slot - OPEN_SLOTS);
      found = { fold: this.#create(), requests: 0 };
      this.#open.set(slot, found);
    }
    found.requests += requests;
    this.#requests += requests;
    return found.fold;
  }

  /** Closes all that are open. */
  end(): void {
    this.#closeBefore(this.#count);
  }

  #closeBefore(end: number): void {
    for (const [slot, { fold, requests }] of this.#open) {
      if (slot >= end) continue;
      this.#open.delete(slot);
      this.#requests -= requests;
      this.#close(fold, slot);
    }
    this.#closedBefore = Math.max(this.#closedBefore, end);
  }
}
