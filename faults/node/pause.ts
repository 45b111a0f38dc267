import { z } from 'zod';
import { replicaFault } from '../fault.ts';
import { lookUntil, reactionOf, readyAgain, silenceMs } from '../probe.ts';

/**
 * Freezes a replica: its connections stay open and the kernel accepts new ones, but nothing responds. The failure that is hardest to
 * detect, since nothing is closed and nothing is refused.
 *
 * It has taken effect when a probe times out after 1 s and, as an upper bound that tells it from a death, neither fails nor finds another
 * instance; it has recovered when the replica is ready.
 */
export const fault = replicaFault({
  kind: 'pause',
  summary: 'Freezes a replica (SIGSTOP): it keeps its connections and does not respond.',
  parameters: z.object({}),
  selfHealing: false,
  create(_parameters, replica, context) {
    const { clock, forMs } = context;
    let paused: string | undefined;
    let pausedMs = 0;
    return {
      async inject() {
        paused = replica.instance;
        pausedMs = clock.nowMs();
        await replica.pause();
      },
      verifyEffect: signal =>
        lookUntil(clock, signal, async () => {
          const { kind, sentMs, tookMs } = await reactionOf(replica, silenceMs(forMs), context, signal);
          if (kind !== 'timed-out' || paused === undefined || replica.instance !== paused) return undefined;
          const evidence = `${paused} is still there and did not respond to a probe for ${Math.round(tookMs)} ms`;
          return { atMs: sentMs, evidence };
        }),
      heal: () => replica.resume(),
      verifyHealed: signal => readyAgain(replica, 'pause', pausedMs, clock, signal),
    };
  },
});
