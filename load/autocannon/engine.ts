import { SquallError } from '../../harness/errors.ts';
import { modulePath } from '../../harness/host/modules.ts';
import { promptsOf } from '../request/prompts-file.ts';
import { requireSameFile } from '../trace/lines.ts';
import { workerEngine } from '../worker/worker-engine.ts';

/** Maximum duration of a probe, in ms. */
export const MAX_PROBE_MS = 60_000;

/** Short saturation probes by autocannon: a closed loop over `connections`, in its own process. See `probe.ts` for what it measures. */
export const autocannonEngine = workerEngine({
  name: 'autocannon',
  path: modulePath('./main', import.meta.url),
  prepare: async ({ targets, plan }) => {
    for (const prompts of promptsOf(plan)) requireSameFile(prompts, 'prompts');
    if (targets.every(target => new URL(target).protocol === 'http:')) return {};
    throw new SquallError('scenario', 'PROBE_TLS_UNSUPPORTED', 'The engine autocannon does not support TLS targets', {
      next: 'Use `load.engine: stream`: autocannon trusts any certificate.',
    });
  },
});
