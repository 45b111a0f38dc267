/** Thread of `pacer.ts`: sleeps until the armed instant, posts a message, and waits to be armed again. */
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../../harness/clock.ts';

const due = new Float64Array(workerData, 0, 1);
const armed = new Int32Array(workerData, 8, 1);

for (let seen = 0; ; ) {
  Atomics.wait(armed, 0, seen);
  seen = Atomics.load(armed, 0);
  // Only the counter shows whether a new instant was armed. A wake-up does not: the call that armed this instant may notify after
  // the instant was read, and mistaking that for a new one would lose this one.
  while (Atomics.load(armed, 0) === seen) {
    const waitMs = due[0]! - systemClock.nowMs();
    if (waitMs <= 0) {
      parentPort!.postMessage(0);
      break;
    }
    Atomics.wait(armed, 0, seen, waitMs);
  }
}
