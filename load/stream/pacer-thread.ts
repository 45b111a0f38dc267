/** The sleeping half of `pacer.ts`: one loop that sleeps until the armed instant, says so, and waits to be armed again. */
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../../harness/clock.ts';

const due = new Float64Array(workerData, 0, 1);
const armed = new Int32Array(workerData, 8, 1);

for (let seen = 0; ; ) {
  Atomics.wait(armed, 0, seen);
  seen = Atomics.load(armed, 0);
  // Only the counter says whether it was armed anew. That the sleep was woken does not: the call that armed this very instant
  // may notify after it was seen, and taking that for a new instant would lose this one.
  while (Atomics.load(armed, 0) === seen) {
    const waitMs = due[0]! - systemClock.nowMs();
    if (waitMs <= 0) {
      parentPort!.postMessage(0);
      break;
    }
    Atomics.wait(armed, 0, seen, waitMs);
  }
}
