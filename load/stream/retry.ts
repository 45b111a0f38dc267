import type { RetryPlan } from '../../harness/plan.ts';
import { seededRandom } from '../../harness/random.ts';
import { isFailure, type RequestRecord } from '../../harness/requests.ts';
import { backoffMs } from '../../harness/retry/backoff.ts';
import { RetryBudget } from '../../harness/retry/budget.ts';

/** Maximum `Retry-After` that is respected, as in OpenAI's clients. */
const MAX_RETRY_AFTER_MS = 60_000;
/** Retries per second that the budget always allows, so that clients with few requests can retry at all. */
const MIN_RETRIES_PER_SECOND = 0.1;

/**
 * Retry policy of the clients. Retried are failed connections, timeouts and the statuses 408, 409, 429 and 5xx, and only before the
 * first token: the user is already reading what has arrived (OpenAI's clients do the same).
 *
 * ```
 * attempt ──x── wait ── attempt ──x── wait ×2 ── attempt ──► outcome of the request
 * ```
 *
 * An optional budget covers all clients together, with the rule and window of Finagle's `RetryBudget`. Of several processes each
 * has a budget for its own requests and an equal part of the minimum.
 */
export class RetryPolicy {
  readonly #plan: RetryPlan;
  readonly #seed: number;
  readonly #budget: RetryBudget | null;

  /** @param processes number of processes among which the clients' requests are divided */
  constructor(plan: RetryPlan, seed: number, processes = 1) {
    this.#plan = plan;
    this.#seed = seed;
    const { budgetRatio } = plan;
    const budgetMinPerSecond = MIN_RETRIES_PER_SECOND / processes;
    this.#budget = budgetRatio === null ? null : new RetryBudget({ budgetRatio, budgetMinPerSecond });
  }

  /** Adds a new request to the budget. */
  began(nowMs: number): void {
    this.#budget?.deposit(nowMs);
  }

  /**
   * Wait before the next attempt, in ms; null if there is none. A call that returns a wait withdraws from the budget.
   * @param attempt number of attempts so far
   * @param retryAfterMs wait requested by the server, 0 if none
   */
  waitMs(ended: RequestRecord, attempt: number, retryAfterMs: number, nowMs: number): number | null {
    const { maxRetries, retryAfter } = this.#plan;
    if (attempt > maxRetries || !isRetryable(ended)) return null;
    if (this.#budget && !this.#budget.withdraw(nowMs)) return null;
    const random = seededRandom(this.#seed).stream('retries').stream(`${ended.index}/${attempt}`);
    const minMs = retryAfter ? Math.min(retryAfterMs, MAX_RETRY_AFTER_MS) : 0;
    return Math.max(minMs, backoffMs(this.#plan, attempt, random));
  }
}

/** A response that is complete but useless is a success to a client library. */
function isRetryable(ended: RequestRecord): boolean {
  if (!isFailure(ended) || ended.firstTokenMs !== null) return false;
  if (ended.outcome === 'empty' || ended.outcome === 'engine-abort') return false;
  return ended.outcome !== 'http-status' || [408, 409, 429].includes(ended.status) || ended.status >= 500;
}
