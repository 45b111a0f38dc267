/** Settings of an {@link AdaptiveLimit}, see `config.ts`. */
export interface AdaptiveOptions {
  readonly targetMs: number;
  readonly initial: number;
  readonly min: number;
  readonly max: number;
  readonly decreaseRatio: number;
}

/** What is known of a request that has ended. */
export interface LimitSample {
  readonly admittedMs: number;
  /** Time from admission to the first token; undefined where it is not known, as of a response that was not streamed. */
  readonly ttftMs: number | undefined;
  /** Whether an upstream timed out or had no capacity. */
  readonly isOverload: boolean;
  /** Slots in use when it ended, itself included. */
  readonly inUse: number;
}

/**
 * Concurrency limit by additive increase and multiplicative decrease (Chiu, Jain, "Analysis of the Increase and Decrease Algorithms for Congestion
 * Avoidance in Computer Networks", 1989), as in TCP (RFC 5681): 1 per request in time until it is first exceeded, afterwards 1 per `limit` of them; and
 * `decreaseRatio` at a request that was late or met an overload. Requests that were admitted before the last decrease say nothing about what came
 * of it, so they cause no other one. The limit does not grow while less than half of it is used (as in Netflix's concurrency-limits, `AIMDLimit`).
 *
 * The time to first token is that of an engine's queue and prefill. The time of a whole response would tell its length.
 */
export class AdaptiveLimit {
  readonly #options: AdaptiveOptions;
  #limit: number;
  #decreasedMs: number | undefined;

  constructor(options: AdaptiveOptions) {
    this.#options = options;
    this.#limit = options.initial;
  }

  /** Number of requests at once, an integer from `min` to `max`. */
  get limit(): number {
    return Math.floor(this.#limit);
  }

  /** Learns from a request that has ended. */
  record({ admittedMs, ttftMs = 0, isOverload, inUse }: LimitSample, nowMs: number): void {
    const { targetMs, min, max, decreaseRatio } = this.#options;
    if (isOverload || ttftMs > targetMs) {
      if (this.#decreasedMs !== undefined && admittedMs <= this.#decreasedMs) return;
      this.#limit = Math.max(min, this.#limit * decreaseRatio);
      this.#decreasedMs = nowMs;
    } else if (inUse * 2 >= this.#limit) {
      const isSlowStart = this.#decreasedMs === undefined;
      this.#limit = Math.min(max, this.#limit + (isSlowStart ? 1 : 1 / this.#limit));
    }
  }
}
