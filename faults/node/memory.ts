import { z } from 'zod';
import type { ReplicaExit } from '../../harness/contracts.ts';
import { replicaFault } from '../fault.ts';
import { lookUntil, readyAgain } from '../probe.ts';
import { containerOf } from './container.ts';

/**
 * Limits the memory of a replica. A replica above the limit is killed at once; one that exceeds it later is killed then, and again after
 * each restart until the limit is restored.
 *
 * It has taken effect when an instance has exited since the injection and the engine reports `OOMKilled`: other exits do not count, and
 * a sufficient limit never takes effect. It has recovered when the limit is restored and the replica ready.
 */
export const fault = replicaFault({
  kind: 'memory',
  summary: 'Limits the memory of a container below what it needs, until the kernel kills it (OOM).',
  // The engine gives no container less than 6 MiB.
  parameters: z.object({ limitMiB: z.int().min(8).max(1_048_576) }),
  selfHealing: false,
  platforms: ['docker'],
  create({ limitMiB }, replica, { clock }) {
    const container = containerOf(replica);
    let before: ReplicaExit | undefined;
    let limited: string | undefined;
    let limitedMs = 0;
    let restored: number | undefined;
    return {
      healDelayMs: replica.coldStartMs,
      async inject() {
        before = replica.lastExit;
        limited = replica.instance;
        limitedMs = clock.nowMs();
        await container.limitMemory(limitMiB);
      },
      verifyEffect: signal =>
        lookUntil(clock, signal, async () => {
          const { lastExit } = replica;
          if (!lastExit?.isOutOfMemory || lastExit === before) return undefined;
          return {
            atMs: lastExit.atMs,
            evidence: `${limited}, limited to ${limitMiB} MiB, ended with ${lastExit.how}`,
          };
        }),
      async heal() {
        restored = await container.limitMemory(null);
        // A killed replica may wait for its next start, or have been given up.
        await replica.release('memory');
      },
      async verifyHealed(signal) {
        const { atMs, evidence } = await readyAgain(replica, 'limit', limitedMs, clock, signal);
        return { atMs, evidence: `${evidence}, with ${restored === undefined ? 'no limit' : `${restored} MiB`}` };
      },
    };
  },
});
