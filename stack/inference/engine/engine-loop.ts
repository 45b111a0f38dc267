import type { Clock } from '../../../harness/clock.ts';
import type { Engine, Step } from './engine.ts';

/** How far the engine may lag behind its own timetable before the lag is forgotten instead of made up, in milliseconds. */
const MAX_LAG_MS = 100;

/** Receives each step: when it starts, and when its tokens exist. */
export interface StepListener {
  started(step: Step): void;
  ended(step: Step): void;
}

/**
 * Gives an engine its time. There is one wait for the whole engine, whatever the number of requests, and each step is due
 * at the due time of the one before plus its duration: a timer that fires late delays a token, not the ones after it.
 *
 * ```
 * due:    0────4.6────9.2────13.8        fired: 0─────5.1───9.3────14.0        lag over 100 ms: start afresh from now
 * ```
 */
export class EngineLoop {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #listener: StepListener;
  #wake: () => void = () => {};

  constructor(engine: Engine, clock: Clock, listener: StepListener) {
    this.#engine = engine;
    this.#clock = clock;
    this.#listener = listener;
  }

  /** To be called after a submission: an idle engine starts its next step. */
  wake(): void {
    this.#wake();
  }

  /** Runs until `signal` aborts; does not throw then. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#wake(), { once: true });
    let dueMs = this.#clock.nowMs();
    while (!signal.aborted) {
      const step = this.#engine.step(dueMs);
      if (!step) {
        await new Promise<void>(resolve => {
          this.#wake = resolve;
        });
        dueMs = this.#clock.nowMs();
        continue;
      }
      this.#listener.started(step);
      dueMs += step.durationMs;
      if (!(await this.#reach(dueMs, signal))) return;
      this.#listener.ended(step);
      const nowMs = this.#clock.nowMs();
      if (nowMs - dueMs > MAX_LAG_MS) dueMs = nowMs;
    }
  }

  /** Timers may fire a fraction of a millisecond early, hence the loop. */
  async #reach(dueMs: number, signal: AbortSignal): Promise<boolean> {
    try {
      do await this.#clock.sleep(dueMs - this.#clock.nowMs(), signal);
      while (this.#clock.nowMs() < dueMs);
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      throw error;
    }
  }
}
