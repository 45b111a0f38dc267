import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { systemClock } from '../../harness/clock.ts';
import { modulePath } from '../../harness/host/modules.ts';

/** Timer for one instant at a time. */
export interface Pacer extends AsyncDisposable {
  /** Calls `onDue` soon after `dueMs` on the monotonic clock; replaces the instant armed before. */
  arm(dueMs: number): void;
}

/** Minimum delay of a Node timer, in ms. */
const TICK_MS = 1;
/** Mean gaps (ms) below which instants become dense, and up to which they remain so. */
const DENSE_BELOW_MS = 1.5;
const DENSE_UNTIL_MS = 3;
/** Weight of the newest gap in that mean, and the limit (ms) to which gaps are cut. */
const NEWEST_WEIGHT = 0.02;
const MAX_GAP_MS = 100;

/**
 * Pacer accurate to about 0.1 ms (P50) at little CPU. Node's timers count whole milliseconds, and busy-waiting for the rest took
 * 10 % of a core at 200 arrivals a second, so a thread sleeps until the instant (`Atomics.wait` takes fractions of a millisecond)
 * and posts a message.
 *
 * ```
 * owner   arm(due) ──┐            ┌──► onDue
 * thread             └─ sleeps ───┘
 *                               due + ~0.1 ms
 * ```
 *
 * Waking two threads costs about 50 µs of CPU, several times the cost of sending a short request. So where instants are dense,
 * over some 700 a second, 1 ms ticks handle those that have become due together: up to about 1 ms late, 0.5 ms on average, as the
 * records show.
 */
export async function startPacer(onDue: () => void): Promise<Pacer> {
  const shared = new SharedArrayBuffer(16);
  const threadDue = new Float64Array(shared, 0, 1);
  const armed = new Int32Array(shared, 8, 1);
  const thread = new Worker(modulePath('./pacer-thread', import.meta.url), { workerData: shared });
  // Without an error listener, an error in the thread ends this process: better no load than a stalled one.
  await once(thread, 'online');

  let awaitedMs = Number.POSITIVE_INFINITY;
  let armedMs = systemClock.nowMs();
  let gapMs = MAX_GAP_MS;
  let isDense = false;
  const wake = (): boolean => {
    // The instant may have been replaced since the thread or tick went to sleep.
    if (systemClock.nowMs() < awaitedMs) return false;
    awaitedMs = Number.POSITIVE_INFINITY;
    onDue();
    return true;
  };
  const tick = setTimeout(() => {
    if (!wake() && isDense) tick.refresh();
  }, TICK_MS);
  thread.on('message', wake);
  return {
    arm(dueMs) {
      const nowMs = systemClock.nowMs();
      gapMs += NEWEST_WEIGHT * (Math.min(nowMs - armedMs, MAX_GAP_MS) - gapMs);
      armedMs = nowMs;
      awaitedMs = dueMs;
      isDense = gapMs < (isDense ? DENSE_UNTIL_MS : DENSE_BELOW_MS) && dueMs - nowMs < DENSE_UNTIL_MS;
      if (isDense) {
        tick.refresh();
        return;
      }
      threadDue[0] = dueMs;
      Atomics.add(armed, 0, 1);
      Atomics.notify(armed, 0);
    },
    [Symbol.asyncDispose]: async () => {
      clearTimeout(tick);
      await thread.terminate();
    },
  };
}
