import { setTimeout as sleep } from 'node:timers/promises';

/**
 * The only source of time. Everything that waits or measures receives one, so that tests, and one day a whole stack,
 * run under {@link FakeClock}.
 */
export interface Clock {
  /**
   * Milliseconds of a monotonic clock, with fractions. The origin is the machine's, not the process's
   * (CLOCK_MONOTONIC on Linux), so values of two processes on one machine can be compared.
   */
  nowMs(): number;
  /** Wall-clock time, for people only; never subtract two of them but to find that it was set. */
  date(): Date;
  /**
   * Resolves after `durationMs` (≤ 0: at the next turn).
   * @throws the signal's reason, as soon as it aborts
   */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  nowMs: () => Number(process.hrtime.bigint()) / 1e6,
  date: () => new Date(),
  sleep: async (durationMs, signal) => {
    signal?.throwIfAborted();
    try {
      await sleep(Math.max(0, durationMs), undefined, signal ? { signal } : {});
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
};

/** Waits for `promise`, `limitMs` at most. @returns whether it has settled, well or not */
export async function settlesWithin(promise: Promise<unknown>, limitMs: number, clock: Clock): Promise<boolean> {
  const settled = new AbortController();
  const limit = clock.sleep(limitMs, settled.signal).then(
    () => false,
    () => true,
  );
  const isSettled = promise.then(
    () => true,
    () => true,
  );
  try {
    return await Promise.race([isSettled, limit]);
  } finally {
    settled.abort();
  }
}

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

/** A clock that stands still until a test moves it. Sleepers wake in the order in which they are due. */
export class FakeClock implements Clock {
  #nowMs: number;
  #sleepers: Sleeper[] = [];

  constructor(startMs = 0) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  date(): Date {
    return new Date(this.#nowMs);
  }

  sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const sleeper: Sleeper = { dueMs: this.#nowMs + Math.max(0, durationMs), wake: resolve };
      this.#sleepers.push(sleeper);
      signal?.addEventListener('abort', () => {
        this.#sleepers = this.#sleepers.filter(other => other !== sleeper);
        reject(signal.reason);
      });
    });
  }

  /** Moves time forward by `durationMs`, waking each sleeper at its own instant and letting it run before the next. */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.#nowMs + durationMs;
    await settle();
    for (;;) {
      const next = this.#sleepers.filter(s => s.dueMs <= endMs).sort((a, b) => a.dueMs - b.dueMs)[0];
      if (!next) break;
      this.#sleepers = this.#sleepers.filter(other => other !== next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.wake();
      await settle();
    }
    this.#nowMs = endMs;
  }
}

/** Lets promise chains that are ready run to their next wait. */
function settle(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}
