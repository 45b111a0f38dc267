/** Consecutive failures after which a store is considered down. */
const DOWN_AFTER_FAILURES = 3;
/** Consecutive fast replies to probes after which it is considered up. */
const UP_AFTER_PROBES = 2;

/**
 * Circuit breaker of a store. Pure: fed with outcomes, independent of time.
 *
 * ```
 * up ── 3 consecutive failures, or disconnected ──▶ down ── 2 consecutive fast probes ──▶ up
 * ```
 *
 * The initial state is down.
 */
export class OutageDetector {
  #failures = 0;
  #fastProbes = 0;
  #isDown = true;

  get isDown(): boolean {
    return this.#isDown;
  }

  /** Records a request that failed or timed out. @returns whether the state changed to down */
  recordFailure(): boolean {
    this.#failures += 1;
    return this.#failures >= DOWN_AFTER_FAILURES && this.recordDisconnect();
  }

  /** Records a request with a reply in time. */
  recordSuccess(): void {
    this.#failures = 0;
  }

  /** Records the loss of the connection. @returns whether the state changed to down */
  recordDisconnect(): boolean {
    this.#fastProbes = 0;
    const changed = !this.#isDown;
    this.#isDown = true;
    return changed;
  }

  /** Records a probe. `fast`: replied in time. @returns whether the state changed to up */
  recordProbe(fast: boolean): boolean {
    this.#fastProbes = fast ? this.#fastProbes + 1 : 0;
    if (!this.#isDown || this.#fastProbes < UP_AFTER_PROBES) return false;
    this.#isDown = false;
    this.#failures = 0;
    return true;
  }
}
