import type { Clock } from '../../harness/clock.ts';

/** Everybody who waits for something to change. */
export class Watchers {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #waiting = new Set<() => void>();

  /** @param limit most who may wait at once */
  constructor(clock: Clock, limit: number) {
    this.#clock = clock;
    this.#limit = limit;
  }

  /** How many wait now. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Lets everybody look whether it was what they wait for. */
  notify(): void {
    for (const look of [...this.#waiting]) look();
  }

  /**
   * Resolves once `isOver`, at the latest after `durationMs` or when `signal` aborts, and at once when too many wait
   * already. Never rejects.
   */
  async until(isOver: () => boolean, durationMs: number, signal: AbortSignal): Promise<void> {
    if (isOver() || signal.aborted || this.#waiting.size >= this.#limit) return;
    const done = new AbortController();
    const look = () => {
      if (isOver()) done.abort();
    };
    this.#waiting.add(look);
    await this.#clock.sleep(durationMs, AbortSignal.any([signal, done.signal])).catch(() => {});
    this.#waiting.delete(look);
  }
}
