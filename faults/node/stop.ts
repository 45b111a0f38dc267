import { z } from 'zod';
import { replicaFault } from '../fault.ts';
import { lookUntil, reactionOf, readyAgain } from '../probe.ts';

const HOLDER = 'stop';
const PROBE_TIMEOUT_MS = 1000;

/**
 * Stops a replica as a deployment or a drained node does: SIGTERM, time to finish its work, then SIGKILL. Without `for` its supervisor
 * restarts it; with `for` it stays away that long.
 *
 * It has taken effect when the instance is gone, and the evidence says whether it exited by itself; it has recovered when the replica is
 * ready.
 */
export const fault = replicaFault({
  kind: 'stop',
  summary: 'Stops a replica gracefully (SIGTERM) and, after `for`, starts it again.',
  parameters: z.object({}),
  selfHealing: true,
  create(_parameters, replica, context) {
    const { clock, forMs } = context;
    const { host } = new URL(replica.url);
    let stopped: string | undefined;
    let sigtermMs = 0;
    return {
      healDelayMs: replica.coldStartMs,
      async inject() {
        stopped = replica.instance;
        sigtermMs = clock.nowMs();
        if (forMs !== null) replica.hold(HOLDER);
        await replica.terminate();
      },
      verifyEffect: signal =>
        lookUntil(clock, signal, async () => {
          const { kind } = await reactionOf(replica, PROBE_TIMEOUT_MS, context, signal);
          const { lastExit } = replica;
          if (stopped === undefined || replica.instance === stopped || !lastExit) return undefined;
          const { atMs, how } = lastExit;
          const now = kind === 'responded' ? 'its successor responds' : 'does not respond';
          const tookMs = Math.round(atMs - sigtermMs);
          return { atMs, evidence: `${stopped} ended with ${how} ${tookMs} ms after SIGTERM, ${host} ${now}` };
        }),
      heal: () => replica.release(HOLDER),
      verifyHealed: signal => readyAgain(replica, 'stop', sigtermMs, clock, signal),
    };
  },
});
