import type { Clock } from '../../../harness/clock.ts';

/** Something that must end by `dueMs` (monotonic). `dueMs` may be moved at any time without telling anyone. */
export interface Watched {
  dueMs: number;
  /** Called once, after it was taken off the watch. */
  expire(): void;
}

/** How late `expire` may come, at most, on a machine that keeps up. */
export const DEADLINE_RESOLUTION_MS = 20;

/**
 * All deadlines of the gateway on one timer. A timer for each would be set and cleared at every token; here a token costs
 * one assignment, and every 20 ms one pass over what is running (10,000 streams: well under a millisecond).
 * It stands still while nothing is watched.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #watched = new Set<Watched>();
  #running = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Starts watching; the same object can be added again after it expired. */
  add(watched: Watched): void {
    this.#watched.add(watched);
    if (!this.#running) void this.#run();
  }

  /** Stops watching; harmless when it was not watched. */
  remove(watched: Watched): void {
    this.#watched.delete(watched);
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#watched.size > 0) {
      await this.#clock.sleep(DEADLINE_RESOLUTION_MS);
      const nowMs = this.#clock.nowMs();
      for (const watched of this.#watched) {
        if (watched.dueMs > nowMs) continue;
        this.#watched.delete(watched);
        watched.expire();
      }
    }
    this.#running = false;
  }
}
