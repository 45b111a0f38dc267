/** The sleeping half of `pacer.ts`: one loop that sleeps until the armed instant, says so, and waits to be armed again. */
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../../../harness/clock.ts';

const due = new Float64Array(workerData, 0, 1);
const armed = new Int32Array(workerData, 8, 1);

for (let seen = 0; ; ) {
  Atomics.wait(armed, 0, seen);
  seen = Atomics.load(armed, 0);
  const waitMs = due[0]! - systemClock.nowMs();
  // Being armed anew ends the sleep early; the loop then takes the new instant.
  if (waitMs > 0 && Atomics.wait(armed, 0, seen, waitMs) !== 'timed-out') continue;
  parentPort!.postMessage(0);
}
