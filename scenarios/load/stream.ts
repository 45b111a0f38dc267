import { fileURLToPath } from 'node:url';
import { workerEngine } from './worker.ts';

/**
 * The streaming client: open-loop arrivals, server-sent events, every token timed from the schedule. It still starts a thread
 * when its time zero is known, so the first arrival should lie some 300 ms later.
 */
export const streamEngine = workerEngine({
  name: 'stream',
  path: fileURLToPath(new URL('./stream/main.ts', import.meta.url)),
});
