import { fileURLToPath } from 'node:url';
import { requireSameTrace } from '../trace/trace.ts';
import { workerEngine } from '../worker/worker-engine.ts';

/**
 * The streaming client: open and closed loops, server-sent events, every token timed from the schedule. It still starts a thread
 * when its start is known, so the first arrival should lie some 300 ms later.
 */
export const streamEngine = workerEngine({
  name: 'stream',
  path: fileURLToPath(new URL('./main.ts', import.meta.url)),
  prepare: async ({ plan: { trace } }) => {
    if (trace) requireSameTrace(trace.file, trace.sha256);
    return {};
  },
});
