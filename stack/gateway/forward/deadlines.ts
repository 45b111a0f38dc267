import type { Clock } from '../../../harness/clock.ts';

/** Something that must end by `dueMs` (monotonic). `dueMs` may change at any time without notice. */
export interface Watched {
  dueMs: number;
  /** Called once, after it was removed from the watched set. */
  expire(): void;
}

/** Maximum delay of `expire` on a machine that keeps up, in ms. */
export const DEADLINE_RESOLUTION_MS = 20;

/**
 * Deadlines of the gateway, all on one timer. Individual timers would be set and cleared at every token; here a token costs one
 * assignment, and every 20 ms one pass checks all running requests (10,000 streams: well under a millisecond). The timer stops
 * while nothing is watched.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #watched = new Set<Watched>();
  #running = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Starts watching. The same object can be added again after it expired. */
  add(watched: Watched): void {
    this.#watched.add(watched);
    if (!this.#running) void this.#run();
  }

  /** Stops watching. Idempotent. */
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
