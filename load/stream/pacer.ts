import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { systemClock } from '../../harness/clock.ts';

/** Wakes its owner at an instant. One instant is armed at a time. */
export interface Pacer extends AsyncDisposable {
  /** Calls `onDue` soon after `dueMs` of the monotonic clock; an earlier instant that was armed is forgotten. */
  arm(dueMs: number): void;
}

/** A timer of Node's fires this long (ms) after it was set, at the soonest. */
const TICK_MS = 1;
/** Instants that are this close together (ms, on average) are dense, and remain so until they are that far apart. */
const DENSE_BELOW_MS = 1.5;
const DENSE_UNTIL_MS = 3;
/** Partition of the newest gap in that average, and the longest gap (ms) that counts as such. */
const NEWEST = 0.02;
const MAX_GAP_MS = 100;

/**
 * A pacer that is exact to about 0.1 ms (P50) and hardly costs CPU. Node's timers are whole milliseconds; closing the gap by
 * spinning took 10 % of a core at 200 arrivals a second, so a thread sleeps to the instant instead (`Atomics.wait` takes
 * fractions of a millisecond) and posts a message.
 *
 * ```
 * owner   arm(due) ──┐            ┌──► onDue
 * thread             └─ sleeps ───┘
 *                               due + ~0.1 ms
 * ```
 *
 * Sleeping and waking two threads costs about 50 µs of CPU an instant, several times what sending a short request does. So
 * where instants are dense, over some 700 a second, ticks of a millisecond take those that have become due together: at most
 * about a millisecond late, half of one on average, which the records show.
 */
export async function startPacer(onDue: () => void): Promise<Pacer> {
  const shared = new SharedArrayBuffer(16);
  const threadDue = new Float64Array(shared, 0, 1);
  const armed = new Int32Array(shared, 8, 1);
  const thread = new Worker(new URL('./pacer-thread.ts', import.meta.url), { workerData: shared });
  // Without a listener for errors, one in the thread ends this process: better no load than one that stands still.
  await once(thread, 'online');

  let awaitedMs = Number.POSITIVE_INFINITY;
  let armedMs = systemClock.nowMs();
  let gapMs = MAX_GAP_MS;
  let isDense = false;
  const wake = (): boolean => {
    // What the thread or a tick has slept for may have been replaced since.
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
      gapMs += NEWEST * (Math.min(nowMs - armedMs, MAX_GAP_MS) - gapMs);
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
