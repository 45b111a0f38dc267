import { setTimeout as sleep } from 'node:timers/promises';

/**
 * The only source of time. Everything that waits or measures is passed a clock, so that tests can run under {@link FakeClock}.
 */
export interface Clock {
  /**
   * Monotonic time in ms, with fractions. The origin belongs to the machine, not to the process (CLOCK_MONOTONIC on Linux), so
   * values from two processes on one machine are comparable.
   */
  nowMs(): number;
  /** Wall-clock time, for display only; subtract two of them only to detect that the clock was set. */
  date(): Date;
  /**
   * Resolves after `durationMs` (≤ 0: in the next turn of the event loop).
   * @throws the signal's reason, as soon as it aborts
   */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
}

/** Clock of the machine. */
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

/** Waits for `promise`, at most `limitMs`. @returns whether it has settled, resolved or rejected */
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

/** Clock that stands still until a test advances it. Sleepers wake in order of their due times. */
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

  /** Advances time by `durationMs`, waking each sleeper at its due time and letting it run before the next. */
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

/** Lets pending promise chains run to their next wait. */
function settle(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}
