import type { Clock } from '../clock.ts';
import type { Owner, VirtualTime } from './virtual-time.ts';

// One for all: most requests are long over when their limit passes, and a stack for each would cost more than they do.
const TIMED_OUT = new DOMException('The operation was aborted due to timeout', 'TimeoutError');

/** First day of virtual time, the same in every run. */
const START = Date.UTC(2030, 0, 1);

/** Clock of one host of virtual time: it stops when the host dies, and what is due while the host is frozen comes late. */
export class VirtualClock implements Clock {
  readonly #time: VirtualTime;
  readonly #owner: Owner | undefined;

  /** @param owner host whose clock it is. @default nobody's: it never stops */
  constructor(time: VirtualTime, owner?: Owner) {
    this.#time = time;
    this.#owner = owner;
  }

  nowMs(): number {
    return this.#time.nowMs();
  }

  date(): Date {
    return new Date(START + this.#time.nowMs());
  }

  sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        cancel();
        reject(signal!.reason);
      };
      const cancel = this.after(durationMs, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Calls `run` after `durationMs`. @returns a function that cancels it */
  after(durationMs: number, run: () => void): () => void {
    return this.#time.after(durationMs, run, this.#owner);
  }

  /** Signal that aborts after `durationMs`, as `AbortSignal.timeout`. */
  timeout(durationMs: number): AbortSignal {
    const controller = new AbortController();
    this.after(durationMs, () => controller.abort(TIMED_OUT));
    return controller.signal;
  }
}
