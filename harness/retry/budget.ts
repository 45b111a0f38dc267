/** Parameters of a retry budget. */
export interface RetryBudgetOptions {
  /** Permitted retries per request over the window, 0–1. */
  readonly budgetRatio: number;
  /** Retries per second that are always permitted, so that light traffic can retry at all. */
  readonly budgetMinPerSecond: number;
}

const SLOT_MS = 1000;
const SLOTS = 10;

/**
 * Retry budget, which keeps retries from amplifying an outage: over the last 10 s,
 * retries ≤ `budgetRatio` × requests + 10 × `budgetMinPerSecond`.
 *
 * Rule and window are those of Finagle's `RetryBudget` (whose defaults are 20 % and 10/s). The window is a ring of ten slots of one
 * second each.
 */
export class RetryBudget {
  readonly #options: RetryBudgetOptions;
  readonly #requests = new Float64Array(SLOTS);
  readonly #retries = new Float64Array(SLOTS);
  #slot = Number.NEGATIVE_INFINITY;

  constructor(options: RetryBudgetOptions) {
    this.#options = options;
  }

  /** Counts a request, without its retries. */
  deposit(nowMs: number): void {
    this.#requests[this.#advanceTo(nowMs)]! += 1;
  }

  /** Spends one retry; returns false and spends nothing when the budget is exhausted. */
  withdraw(nowMs: number): boolean {
    if (this.remaining(nowMs) < 1) return false;
    this.#retries[this.#advanceTo(nowMs)]! += 1;
    return true;
  }

  /** Retries left at `nowMs`, with fractions, ≥ 0. */
  remaining(nowMs: number): number {
    this.#advanceTo(nowMs);
    const allowed = this.#options.budgetRatio * sum(this.#requests) + this.#options.budgetMinPerSecond * SLOTS;
    return Math.max(0, allowed - sum(this.#retries));
  }

  #advanceTo(nowMs: number): number {
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
