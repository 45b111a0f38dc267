import { fileURLToPath } from 'node:url';
import { workerEngine } from '../worker/worker-engine.ts';

/** Longest probe, in ms. */
export const LONGEST_PROBE_MS = 60_000;

/**
 * Short saturation probes by autocannon: a closed loop over `connections`, in a process of its own. See `autocannon/probe.ts` for
 * what its latencies do not mean, and `autocannon/wire.ts` for what makes its outcomes mean the same.
 */
export const autocannonEngine = workerEngine({
  name: 'autocannon',
  path: fileURLToPath(new URL('./main.ts', import.meta.url)),
});
