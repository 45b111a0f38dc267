import { z } from 'zod';
import { replicaFault } from '../fault.ts';
import { lookUntil, reactionOf, secondsSince } from '../probe.ts';

/** Longest wait for an answer that is not to come; a pause that is shorter waits half of its time. */
const PATIENCE_MS = 1000;

/**
 * Freezes a replica: its connections stay open and new ones are accepted by the kernel, but nothing is answered. The hardest
 * kind of failure to notice, since nothing is closed and nothing is refused.
 *
 * It bites when a probe stays unanswered for a second, and, as an upper bound that tells it from a death, is neither turned away
 * nor finds another instance. It has healed when the replica answers ready.
 */
export const fault = replicaFault({
  kind: 'pause',
  summary: 'Freezes a replica (SIGSTOP): it keeps its connections and answers nothing.',
  parameters: z.object({}),
  selfHealing: false,
  create(_parameters, replica, context) {
    const { clock, forMs } = context;
    const patienceMs = Math.min(PATIENCE_MS, (forMs ?? Number.POSITIVE_INFINITY) / 2);
    let paused: string | undefined;
    let pausedMs = 0;
    return {
      async inject() {
        paused = replica.instance;
        pausedMs = clock.nowMs();
        await replica.pause();
      },
      verifyEffect: signal =>
        lookUntil(
          async () => {
            const { kind, sentMs, tookMs } = await reactionOf(replica, patienceMs, context, signal);
            if (kind !== 'silent' || paused === undefined || replica.instance !== paused) return undefined;
            return {
              atMs: sentMs,
              evidence: `${paused} is still there and left a probe unanswered for ${Math.round(tookMs)} ms`,
            };
          },
          clock,
          signal,
        ),
      heal: () => replica.resume(),
      async verifyHealed(signal) {
        await replica.ready(signal);
        const who =
          replica.instance === paused ? `${paused} answers again` : `${replica.instance} answers in its place`;
        return { atMs: clock.nowMs(), evidence: `${who}, ${secondsSince(pausedMs, clock)} after the pause` };
      },
    };
  },
});
