/** Thread of `sealing.ts`: seals every second until it is told to end. */
import { workerData } from 'node:worker_threads';
import { Sealer, type SealerOptions } from './sealer.ts';

const { options, shared } = workerData as { readonly options: SealerOptions; readonly shared: SharedArrayBuffer };
const ending = new Int32Array(shared);
const EVERY_MS = 1000;

using sealer = new Sealer(options);
do await sealer.seal();
while (Atomics.wait(ending, 0, 0, EVERY_MS) === 'timed-out');
