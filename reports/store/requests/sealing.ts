import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { modulePath } from '../../../harness/host/modules.ts';
import type { SealerOptions } from './sealer.ts';

/** Several times what it needs, and not the gigabytes that would be there, of which much would be garbage. */
const MAX_HEAP_MB = 256;

/**
 * Seals the requests of a run while it goes on, in a thread, so that encoding them delays nothing. Disposing ends it; `sealRequests` then
 * seals the rest. A thread that fails, as on a full disk, leaves all to that.
 */
export function sealAsItGrows(options: SealerOptions): AsyncDisposable {
  const shared = new SharedArrayBuffer(4);
  const ending = new Int32Array(shared);
  const thread = new Worker(modulePath('./seal-thread', import.meta.url), {
    workerData: { options, shared },
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
  });
  const ended = once(thread, 'exit').catch(() => {});
  return {
    async [Symbol.asyncDispose]() {
      Atomics.store(ending, 0, 1);
      Atomics.notify(ending, 0);
      await ended;
    },
  };
}
