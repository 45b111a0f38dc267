import { setTimeout as sleep } from 'node:timers/promises';

/**
 * The only source of time. Everything that waits or measures is passed a clock, so that it can run in virtual time.
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
  /**
   * Calls `run` after `durationMs` (≤ 0: in the next turn of the event loop).
   * @returns a function that cancels it, and does nothing once it was called
   */
  after(durationMs: number, run: () => void): () => void;
  /** Signal that aborts after `durationMs` with a `TimeoutError`; it does not keep the process alive. */
  timeout(durationMs: number): AbortSignal;
}

/** The longest that a timer of Node's can wait, in ms; a longer one would fire after 1 ms. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Clock of the machine. */
export const systemClock: Clock = {
  nowMs: () => Number(process.hrtime.bigint()) / 1e6,
  date: () => new Date(),
  sleep: async (durationMs, signal) => {
    signal?.throwIfAborted();
    try {
      for (let leftMs = durationMs; ; leftMs -= MAX_TIMER_MS) {
        await sleep(Math.min(Math.max(0, leftMs), MAX_TIMER_MS), undefined, signal ? { signal } : {});
        if (leftMs <= MAX_TIMER_MS) return;
      }
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
  after: (durationMs, run) => {
    if (durationMs <= 0) {
      const turn = setImmediate(run);
      return () => clearImmediate(turn);
    }
    let timer: NodeJS.Timeout;
    const wait = (leftMs: number) => {
      timer = setTimeout(
        () => (leftMs > MAX_TIMER_MS ? wait(leftMs - MAX_TIMER_MS) : run()),
        Math.min(leftMs, MAX_TIMER_MS),
      );
    };
    wait(durationMs);
    return () => clearTimeout(timer);
  },
  timeout: durationMs => AbortSignal.timeout(Math.ceil(Math.max(0, durationMs))),
};

/** Calls `run` every `periodMs`, counted from call to call. @returns a function that ends that */
export function every(clock: Pick<Clock, 'after'>, periodMs: number, run: () => void): () => void {
  let cancel = () => {};
  const wait = () => {
    cancel = clock.after(periodMs, () => {
      wait();
      run();
    });
  };
  wait();
  return () => cancel();
}

/** Signal that never aborts. */
export const NEVER: AbortSignal = new AbortController().signal;

/**
 * Runs `task` with a signal that aborts after `limitMs` or with `signal`, and then settles even if the task ignores its signal.
 * @throws Error `took longer than …`, the error of the task, or the reason of the outer abort
 */
export async function withLimit<T>(
  limitMs: number,
  signal: AbortSignal,
  task: (signal: AbortSignal) => Promise<T>,
  clock: Clock,
  onLimit?: () => void,
): Promise<T> {
  signal.throwIfAborted();
  const limit = new AbortController();
  const finished = new AbortController();
  const either = AbortSignal.any([signal, limit.signal]);
  clock.sleep(limitMs, finished.signal).then(
    () => {
      onLimit?.();
      limit.abort(new Error(`took longer than ${Math.round(limitMs)} ms`));
    },
    () => {},
  );
  const aborted = new Promise<never>((_, reject) => {
    either.addEventListener('abort', () => reject(either.reason), { once: true });
  });
  try {
    return await Promise.race([task(either), aborted]);
  } finally {
    // With a reason, since each abort without one costs an exception with its stack.
    finished.abort('finished');
  }
}

/** Waits for `promise`, at most `limitMs`. @returns whether it has settled, resolved or rejected */
export async function settlesWithin(promise: Promise<unknown>, limitMs: number, clock: Clock): Promise<boolean> {
  let isLate = false;
  const onLimit = () => {
    isLate = true;
  };
  await withLimit(limitMs, NEVER, () => promise, clock, onLimit).catch(() => {});
  return !isLate;
}
