import { z } from 'zod';
import { SquallError } from '../../harness/errors.ts';
import { replicaFault } from '../fault.ts';
import { lookUntil, reactionOf, secondsSince } from '../probe.ts';

const PATIENCE_MS = 500;
/** A container that died is seen to be gone within this time, so one that is still there after it did not die. */
const STILL_THERE_MS = 1500;

/**
 * Takes a container out of all its networks while it runs on, as a broken network card or a wrong firewall rule does, and puts
 * it back under the same names. Packets of open connections vanish; new ones cannot be made.
 *
 * It bites when nothing answers for a second and a half though the same instance runs all the time, where something answered
 * before. It has healed when the replica answers ready.
 */
export const fault = replicaFault({
  kind: 'disconnect',
  summary: 'Takes a container out of its networks while it runs on.',
  parameters: z.object({}),
  selfHealing: false,
  platforms: ['docker'],
  create(_parameters, replica, context) {
    const { clock } = context;
    const { container } = replica;
    if (!container)
      throw new SquallError('fault', 'NOT_A_CONTAINER', `Expected ${replica.name} to be a container, in networks`, {
        next: 'Run the scenario with `--platform docker`.',
      });
    let cutOff: string | undefined;
    let cutOffMs = 0;
    let unansweredFromMs: number | undefined;
    return {
      async inject(signal) {
        const { kind } = await reactionOf(replica, PATIENCE_MS, context, signal);
        if (kind === 'answered') cutOff = replica.instance;
        await container.disconnect();
        cutOffMs = clock.nowMs();
      },
      verifyEffect: signal =>
        lookUntil(
          async () => {
            const { kind, sentMs } = await reactionOf(replica, PATIENCE_MS, context, signal);
            const isCutOff = kind !== 'answered' && cutOff !== undefined && replica.instance === cutOff;
            unansweredFromMs = isCutOff ? (unansweredFromMs ?? sentMs) : undefined;
            if (unansweredFromMs === undefined || clock.nowMs() - unansweredFromMs < STILL_THERE_MS) return undefined;
            const forMs = Math.round(clock.nowMs() - unansweredFromMs);
            return { atMs: unansweredFromMs, evidence: `${cutOff} runs, and nothing answered for ${forMs} ms` };
          },
          clock,
          signal,
        ),
      heal: () => container.reconnect(),
      async verifyHealed(signal) {
        await replica.ready(signal);
        const after = secondsSince(cutOffMs, clock);
        return { atMs: clock.nowMs(), evidence: `${replica.instance} answers again, ${after} after it was cut off` };
      },
    };
  },
});
