import type { Clock } from '../harness/clock.ts';

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

/** Clock of a test, which stands still until it is advanced, with real I/O around it. Sleepers wake in order of their due times. */
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

  after(durationMs: number, run: () => void): () => void {
    const sleeper = { dueMs: this.#nowMs + Math.max(0, durationMs), wake: run };
    this.#sleepers.push(sleeper);
    return () => {
      this.#sleepers = this.#sleepers.filter(other => other !== sleeper);
    };
  }

  timeout(durationMs: number): AbortSignal {
    const controller = new AbortController();
    this.after(durationMs, () => controller.abort(new DOMException('The operation timed out', 'TimeoutError')));
    return controller.signal;
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
