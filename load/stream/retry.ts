import type { RetryPlan } from '../../harness/plan.ts';
import { seededRandom } from '../../harness/random.ts';
import { isFailure, type RequestRecord } from '../../harness/requests.ts';
import { backoffMs } from '../../harness/retry/backoff.ts';
import { RetryBudget } from '../../harness/retry/budget.ts';

/** A server that asks for more than a minute is not waited for any longer than that, as OpenAI's clients do. */
export const MAX_RETRY_AFTER_MS = 60_000;
/** Below what a budget of a partition rounds to nothing, one retry in ten seconds is always allowed. */
const MIN_RETRIES_PER_SECOND = 0.1;

/**
 * When clients try again. Only what may end otherwise the next time is tried: connections that failed, silence, answers 408, 409,
 * 429 and 5xx, and only before a first token, for an answer that has begun to arrive is what the user reads already (OpenAI's
 * clients do the same).
 *
 * ```
 * attempt ──x── wait ── attempt ──x── wait ×2 ── attempt ──► outcome of the request
 * ```
 *
 * The budget, where there is one, is that of all clients together: the rule and window are those of Finagle's `RetryBudget`.
 * Processes that share a load keep a budget each, for their own requests, and its floor is shared.
 */
export class RetryPolicy {
  readonly #plan: RetryPlan;
  readonly #seed: number;
  readonly #budget: RetryBudget | null;

  /** @param sharers how many processes send a part of these clients' requests each */
  constructor(plan: RetryPlan, seed: number, sharers = 1) {
    this.#plan = plan;
    this.#seed = seed;
    this.#budget =
      plan.budgetRatio === null
        ? null
        : new RetryBudget({
            budgetRatio: plan.budgetRatio,
            budgetMinPerSecond: MIN_RETRIES_PER_SECOND / sharers,
          });
  }

  /** Notes that a request was begun. */
  began(nowMs: number): void {
    this.#budget?.deposit(nowMs);
  }

  /**
   * How long to wait before the next attempt, in ms; null when there will be none. Asking takes from the budget.
   * @param attempt how many there were
   * @param retryAfterMs what the server asked for, 0 if it did not
   */
  waitMs(ended: RequestRecord, attempt: number, retryAfterMs: number, nowMs: number): number | null {
    const { maxRetries, retryAfter } = this.#plan;
    if (attempt > maxRetries || !mayEndOtherwise(ended)) return null;
    if (this.#budget && !this.#budget.withdraw(nowMs)) return null;
    const random = seededRandom(this.#seed).stream('retries').stream(`${ended.index}/${attempt}`);
    const askedMs = retryAfter ? Math.min(retryAfterMs, MAX_RETRY_AFTER_MS) : 0;
    return Math.max(askedMs, backoffMs(this.#plan, attempt, random));
  }
}

/** Whether a failed attempt is worth another. */
function mayEndOtherwise(ended: RequestRecord): boolean {
  if (!isFailure(ended) || ended.firstTokenMs !== null) return false;
  return ended.outcome !== 'http-status' || [408, 409, 429].includes(ended.status) || ended.status >= 500;
}

/** Milliseconds of a `Retry-After` in seconds; 0 for none, a date, or nonsense. */
export function retryAfterMs(header: string | string[] | undefined): number {
  const seconds = Number(header ?? 0);
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : 0;
}
