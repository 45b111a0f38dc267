import { z } from 'zod';
import type { ReplicaExit } from '../../harness/contracts.ts';
import { SquallError } from '../../harness/errors.ts';
import { replicaFault } from '../fault.ts';
import { lookUntil, secondsSince } from '../probe.ts';

/**
 * Lets a replica use only so much memory. One that uses more already is killed for it at once; one that needs more later is killed
 * then, and killed again after each restart until the limit is restored.
 *
 * It bites when an instance ended after the injection and the engine says that it was for its memory (`OOMKilled`): another end is no
 * bite, and a limit that the replica can live with never bites. It has healed when the limit is what it was and the replica ready.
 */
export const fault = replicaFault({
  kind: 'memory',
  summary: 'Limits the memory of a container below what it needs, until the kernel kills it (OOM).',
  // The engine gives no container less than 6 MiB.
  parameters: z.object({ limitMiB: z.int().min(8).max(1_048_576) }),
  selfHealing: false,
  platforms: ['docker'],
  create({ limitMiB }, replica, { clock }) {
    const { container } = replica;
    if (!container)
      throw new SquallError('fault', 'NOT_A_CONTAINER', `Expected ${replica.name} to be a container, for its memory`, {
        next: 'Run the scenario with `--platform docker`.',
      });
    let before: ReplicaExit | undefined;
    let limited: string | undefined;
    let limitedMs = 0;
    let restored: number | undefined;
    return {
      async inject() {
        before = replica.lastExit;
        limited = replica.instance;
        limitedMs = clock.nowMs();
        await container.limitMemory(limitMiB);
      },
      verifyEffect: signal =>
        lookUntil(
          async () => {
            const { lastExit } = replica;
            if (!lastExit?.isOutOfMemory || lastExit === before) return undefined;
            return { atMs: lastExit.atMs, evidence: `${limited} may use ${limitMiB} MiB; ended with ${lastExit.how}` };
          },
          clock,
          signal,
        ),
      async heal() {
        restored = await container.limitMemory(null);
        // One that was killed may wait for its next start, or have been given up.
        await replica.release('memory');
      },
      async verifyHealed(signal) {
        await replica.ready(signal);
        const limit = restored === undefined ? 'no limit' : `${restored} MiB`;
        return {
          atMs: clock.nowMs(),
          evidence: `${replica.name} is ready as ${replica.instance} with ${limit}, ${secondsSince(limitedMs, clock)} after the limit`,
        };
      },
    };
  },
});
