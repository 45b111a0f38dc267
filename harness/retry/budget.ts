/** How many retries are allowed. */
export interface RetryBudgetOptions {
  /** Retries per request, 0–1, over the window. */
  readonly budgetRatio: number;
  /** Retries per second that are always allowed, so that light traffic can retry at all. */
  readonly budgetMinPerSecond: number;
}

const SLOT_MS = 1000;
const SLOTS = 10;

/**
 * Keeps retries from multiplying an outage: over the last 10 s,
 * retries ≤ `budgetRatio` × requests + 10 × `budgetMinPerSecond`.
 *
 * The rule and the window are Finagle's `RetryBudget` (20 % and 10/s by default there). Time goes in ten slots of one
 * second; a slot is cleared when its second comes round again.
 */
export class RetryBudget {
  readonly #options: RetryBudgetOptions;
  readonly #requests = new Float64Array(SLOTS);
  readonly #retries = new Float64Array(SLOTS);
  #slot = Number.NEGATIVE_INFINITY;

  constructor(options: RetryBudgetOptions) {
    this.#options = options;
  }

  /** Counts one request, not its retries. */
  deposit(nowMs: number): void {
    this.#requests[this.#turnTo(nowMs)]! += 1;
  }

  /** Takes one retry out of the budget; false, and nothing taken, when there is none left. */
  withdraw(nowMs: number): boolean {
    if (this.remaining(nowMs) < 1) return false;
    this.#retries[this.#turnTo(nowMs)]! += 1;
    return true;
  }

  /** Retries that could be taken at `nowMs`, with fractions, ≥ 0. */
  remaining(nowMs: number): number {
    this.#turnTo(nowMs);
    const allowed = this.#options.budgetRatio * sum(this.#requests) + this.#options.budgetMinPerSecond * SLOTS;
    return Math.max(0, allowed - sum(this.#retries));
  }

  #turnTo(nowMs: number): number {
    const slot = Math.floor(nowMs / SLOT_MS);
    const from = Math.max(this.#slot + 1, slot - SLOTS + 1);
    for (let passed = from; passed <= slot; passed += 1) {
      this.#requests[passed % SLOTS] = 0;
      this.#retries[passed % SLOTS] = 0;
    }
    this.#slot = Math.max(this.#slot, slot);
    return this.#slot % SLOTS;
  }
}

function sum(slots: Float64Array): number {
  let total = 0;
  for (const value of slots) total += value;
  return total;
}
