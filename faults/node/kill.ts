import { z } from 'zod';
import type { Protocol } from '../../harness/contracts.ts';
import { replicaFault } from '../fault.ts';
import { probe } from '../probe.ts';

/**
 * Ends a replica at once, as a crash or a lost node does. Without `for` its supervisor brings it back through its cold start;
 * with `for` it stays away that long.
 *
 * It bites when its process is gone, and has healed when the replica answers ready from
 * another process.
 */
export const fault = replicaFault({
  kind: 'kill',
  summary: 'Kills a replica (SIGKILL); it comes back through restart and cold start.',
  parameters: z.object({}),
  selfHealing: true,
  create(_parameters, replica, { clock, forMs }) {
    const { host: address, protocol: scheme } = new URL(replica.url);
    const protocol = scheme.slice(0, -1) as Protocol;
    let killedPid: number | undefined;
    let killedMs = 0;
    return {
      async inject() {
        killedPid = replica.pid;
        if (forMs !== null) replica.hold();
        await replica.kill();
        killedMs = clock.nowMs();
      },
      async bites(signal) {
        for (;;) {
          signal.throwIfAborted();
          const answered = await probe(protocol, address, clock, signal).then(
            () => true,
            () => false,
          );
          signal.throwIfAborted();
          if (killedPid !== undefined && replica.pid !== killedPid)
            return {
              atMs: killedMs,
              evidence: `process ${killedPid} is gone, ${address} ${answered ? 'is answered by its successor' : 'refuses connections'}`,
            };
          await clock.sleep(50, signal);
        }
      },
      heal: () => replica.release(),
      async healed(signal) {
        await replica.ready(signal);
        const tookS = ((clock.nowMs() - killedMs) / 1000).toFixed(1);
        return {
          atMs: clock.nowMs(),
          evidence: `${replica.name} is ready as process ${replica.pid}, ${tookS} s after the kill`,
        };
      },
    };
  },
});
