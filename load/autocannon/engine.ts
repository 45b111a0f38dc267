import { fileURLToPath } from 'node:url';
import { SquallError } from '../../harness/errors.ts';
import { workerEngine } from '../worker/worker-engine.ts';

/** Longest probe, in ms. */
export const MAX_PROBE_MS = 60_000;

/**
 * Short saturation probes by autocannon: a closed loop over `connections`, in a process of its own. See `autocannon/probe.ts` for
 * what it measures, and for what it leaves out.
 */
export const autocannonEngine = workerEngine({
  name: 'autocannon',
  path: fileURLToPath(new URL('./main.ts', import.meta.url)),
  prepare: async ({ targets }) => {
    if (targets.every(target => new URL(target).protocol === 'http:')) return {};
    throw new SquallError('scenario', 'PROBE_WITHOUT_TLS', 'Expected targets without TLS with the engine autocannon', {
      next: 'Use `load.engine: stream`: autocannon would trust any certificate.',
    });
  },
});
