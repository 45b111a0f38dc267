import { z } from 'zod';
import { replicaFault } from '../fault.ts';
import { lookUntil, reactionOf, secondsSince } from '../probe.ts';

const HOLDER = 'stop';
const PATIENCE_MS = 1000;

/**
 * Ends a replica as a deployment or a drained node does: SIGTERM, time to finish what it began, SIGKILL only after that. Without `for`
 * its supervisor brings it back; with `for` it stays away that long.
 *
 * It bites when the instance that ran is gone and its successor, if any, is another one; the evidence says whether it ended by
 * itself. It has healed when the replica answers ready.
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
    let askedMs = 0;
    return {
      async inject() {
        stopped = replica.instance;
        askedMs = clock.nowMs();
        if (forMs !== null) replica.hold(HOLDER);
        await replica.terminate();
      },
      verifyEffect: signal =>
        lookUntil(
          async () => {
            const { kind } = await reactionOf(replica, PATIENCE_MS, context, signal);
            const { lastExit } = replica;
            if (stopped === undefined || replica.instance === stopped || !lastExit) return undefined;
            const tookMs = Math.round(lastExit.atMs - askedMs);
            const answered = kind === 'answered' ? 'is answered by its successor' : 'does not answer';
            return {
              atMs: lastExit.atMs,
              evidence: `${stopped} ended with ${lastExit.how} ${tookMs} ms after SIGTERM, ${host} ${answered}`,
            };
          },
          clock,
          signal,
        ),
      heal: () => replica.release(HOLDER),
      async verifyHealed(signal) {
        await replica.ready(signal);
        const after = secondsSince(askedMs, clock);
        return {
          atMs: clock.nowMs(),
          evidence: `${replica.name} is ready as ${replica.instance}, ${after} after the stop`,
        };
      },
    };
  },
});
