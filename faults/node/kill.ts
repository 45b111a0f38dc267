import { z } from 'zod';
import { replicaFault } from '../fault.ts';

/**
 * Ends a replica at once, as a crash or a lost node does. Without `for` its supervisor brings it back through its cold start;
 * with `for` it stays away that long.
 *
 * It bites when the instance that ran is gone, and has healed when the replica answers ready as another one.
 */
export const fault = replicaFault({
  kind: 'kill',
  summary: 'Kills a replica (SIGKILL); it comes back through restart and cold start.',
  parameters: z.object({}),
  selfHealing: true,
  create(_parameters, replica, { stack, clock, forMs }) {
    const { host } = new URL(replica.url);
    let killed: string | undefined;
    let killedMs = 0;
    return {
      async inject() {
        killed = replica.instance;
        if (forMs !== null) replica.hold('kill');
        await replica.kill();
        killedMs = clock.nowMs();
      },
      async verifyEffect(signal) {
        for (;;) {
          signal.throwIfAborted();
          const answered = await stack.probe(replica, '/healthz', signal).then(
            () => true,
            () => false,
          );
          signal.throwIfAborted();
          if (killed !== undefined && replica.instance !== killed)
            return {
              atMs: killedMs,
              evidence: `${killed} is gone, ${host} ${answered ? 'is answered by its successor' : 'does not answer'}`,
            };
          await clock.sleep(50, signal);
        }
      },
      heal: () => replica.release('kill'),
      async verifyHealed(signal) {
        await replica.ready(signal);
        const tookS = ((clock.nowMs() - killedMs) / 1000).toFixed(1);
        return {
          atMs: clock.nowMs(),
          evidence: `${replica.name} is ready as ${replica.instance}, ${tookS} s after the kill`,
        };
      },
    };
  },
});
