import type { Clock } from '../../../harness/clock.ts';
import type { Engine, Step } from './engine.ts';

/** Maximum lag behind schedule that is caught up, in ms. Beyond it, the schedule restarts from the current time. */
const MAX_LAG_MS = 100;

/** Callbacks at the start of a step and at its end, when its tokens are available. */
export interface StepListener {
  onStepStart(step: Step): void;
  onStepEnd(step: Step): void;
}

/**
 * Runs an engine in time. There is one timer, however many requests there are. Each step is due at the previous due time plus its
 * duration, so a timer that fires late delays one token but not the following ones.
 *
 * ```
 * due:    0────4.6────9.2────13.8        fired: 0─────5.1───9.3────14.0        lag over 100 ms: restart from now
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

  /** Starts the next step of an idle engine. Must be called after each submission. */
  wake(): void {
    this.#wake();
  }

  /** Runs until `signal` aborts, which does not throw. */
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
      this.#listener.onStepStart(step);
      dueMs += step.durationMs;
      if (!(await this.#waitUntil(dueMs, signal))) return;
      this.#listener.onStepEnd(step);
      const nowMs = this.#clock.nowMs();
      if (nowMs - dueMs > MAX_LAG_MS) dueMs = nowMs;
    }
  }

  /** Waits until `dueMs`; false on abort. Loops because timers may fire a fraction of a millisecond early. */
  async #waitUntil(dueMs: number, signal: AbortSignal): Promise<boolean> {
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
