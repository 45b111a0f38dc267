import type { Clock } from '../../harness/clock.ts';

/** Queries that are blocked until something changes. */
export class Watchers {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #waiting = new Set<() => void>();

  /** @param limit maximum number of blocked queries */
  constructor(clock: Clock, limit: number) {
    this.#clock = clock;
    this.#limit = limit;
  }

  /** Number of blocked queries. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Makes all blocked queries re-evaluate their conditions. */
  notify(): void {
    for (const evaluate of [...this.#waiting]) evaluate();
  }

  /**
   * Resolves once `condition` holds, after `durationMs`, when `signal` aborts, or at once if the limit is reached. Never rejects.
   */
  async until(condition: () => boolean, durationMs: number, signal: AbortSignal): Promise<void> {
    if (condition() || signal.aborted || this.#waiting.size >= this.#limit) return;
    const done = new AbortController();
    const evaluate = () => {
      if (condition()) done.abort();
    };
    this.#waiting.add(evaluate);
    await this.#clock.sleep(durationMs, AbortSignal.any([signal, done.signal])).catch(() => {});
    this.#waiting.delete(evaluate);
  }
}
