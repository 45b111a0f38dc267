/** Failures in a row after which a store counts as away. */
const AWAY_AFTER_FAILURES = 3;
/** Quick answers in a row after which it counts as back. */
const BACK_AFTER_ANSWERS = 2;

/**
 * Whether a store is worth asking. Pure: it is told what happened and knows no time.
 *
 * ```
 * back ── 3 failures in a row, or the connection lost ──▶ away ── 2 quick answers to probes ──▶ back
 * ```
 *
 * It starts away: nothing has answered yet.
 */
export class Outage {
  #failures = 0;
  #answers = 0;
  #isAway = true;

  get isAway(): boolean {
    return this.#isAway;
  }

  /** A request failed or got no answer in time. @returns whether this turned it away */
  failed(): boolean {
    this.#failures += 1;
    return this.#failures >= AWAY_AFTER_FAILURES && this.lost();
  }

  /** A request was answered in time. */
  succeeded(): void {
    this.#failures = 0;
  }

  /** The connection is gone. @returns whether this turned it away */
  lost(): boolean {
    this.#answers = 0;
    const turned = !this.#isAway;
    this.#isAway = true;
    return turned;
  }

  /** A probe was answered in time, or was not. @returns whether this turned it back */
  probed(quickly: boolean): boolean {
    this.#answers = quickly ? this.#answers + 1 : 0;
    if (!this.#isAway || this.#answers < BACK_AFTER_ANSWERS) return false;
    this.#isAway = false;
    this.#failures = 0;
    return true;
  }
}
