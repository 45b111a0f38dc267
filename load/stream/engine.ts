import { modulePath } from '../../harness/host/modules.ts';
import type { LoadPlan } from '../../harness/plan.ts';
import { promptsOf } from '../request/prompts-file.ts';
import { requireSameFile } from '../trace/lines.ts';
import { workerEngine } from '../worker/worker-engine.ts';

/**
 * Streaming client: open and closed loops, server-sent events, every token timed from the schedule. It starts a thread once its
 * start is known, so the first arrival should be at least 300 ms later.
 */
export const streamEngine = workerEngine({
  name: 'stream',
  path: modulePath('./main', import.meta.url),
  prepare: async ({ plan }) => {
    requireInputs(plan);
    return {};
  },
});

/** Checks that the files a load is made from are those of its plan. @throws SquallError if one is missing or has changed */
export function requireInputs(plan: LoadPlan): void {
  if (plan.trace) requireSameFile(plan.trace, 'trace');
  for (const prompts of promptsOf(plan)) requireSameFile(prompts, 'prompts');
}
