import { z } from 'zod';
import { replicaFault } from '../fault.ts';
import { lookUntil, reactionOf, readyAgain } from '../probe.ts';

const HOLDER = 'kill';
const PROBE_TIMEOUT_MS = 1000;

/**
 * Kills a replica, as a crash or a lost node does. Without `for` its supervisor restarts it, including the cold start; with `for` it stays
 * away that long.
 *
 * It has taken effect when the instance is gone; it has recovered when the replica is ready as another instance.
 */
export const fault = replicaFault({
  kind: 'kill',
  summary: 'Kills a replica (SIGKILL); it comes back through restart and cold start.',
  parameters: z.object({}),
  selfHealing: true,
  create(_parameters, replica, context) {
    const { clock, forMs } = context;
    const { host } = new URL(replica.url);
    let killed: string | undefined;
    let killedMs = 0;
    return {
      healDelayMs: replica.coldStartMs,
      async inject() {
        killed = replica.instance;
        if (forMs !== null) replica.hold(HOLDER);
        await replica.kill();
        killedMs = clock.nowMs();
      },
      verifyEffect: signal =>
        lookUntil(clock, signal, async () => {
          const { kind } = await reactionOf(replica, PROBE_TIMEOUT_MS, context, signal);
          if (killed === undefined || replica.instance === killed) return undefined;
          const now = kind === 'responded' ? 'its successor responds' : 'does not respond';
          return { atMs: killedMs, evidence: `${killed} is gone, ${host} ${now}` };
        }),
      heal: () => replica.release(HOLDER),
      verifyHealed: signal => readyAgain(replica, 'kill', killedMs, clock, signal),
    };
  },
});
