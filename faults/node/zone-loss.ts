import { z } from 'zod';
import type { Replica } from '../../harness/contracts.ts';
import { zoneFault } from '../fault.ts';
import { lookUntil, reactionOf, secondsSince } from '../probe.ts';

const HOLDER = 'zone-loss';
const PATIENCE_MS = 1000;

/**
 * Ends every replica of a zone at once and keeps them away, those in standby too, as a power cut does.
 *
 * It bites when every instance that ran there is gone and none of their addresses answers, while, as an upper bound that tells it
 * from the loss of everything, a replica of another zone does, where there is one. It has healed when all that ran answer ready.
 */
export const fault = zoneFault({
  kind: 'zone-loss',
  summary: 'Kills every replica of a zone and keeps them away.',
  parameters: z.object({}),
  selfHealing: false,
  create(_parameters, zone, context) {
    const { clock } = context;
    let lost: { readonly replica: Replica; readonly instance: string | undefined }[] = [];
    let lostMs = 0;
    const react = (replicas: readonly Replica[], signal: AbortSignal) =>
      Promise.all(replicas.map(replica => reactionOf(replica, PATIENCE_MS, context, signal)));
    return {
      async inject() {
        // Who is away on purpose is not lost, and must not be started by the heal.
        lost = zone.replicas
          .filter(({ state }) => state !== 'stopped')
          .map(replica => ({ replica, instance: replica.instance }));
        for (const replica of zone.replicas) replica.hold(HOLDER);
        await Promise.all(zone.replicas.map(replica => replica.kill()));
        lostMs = clock.nowMs();
      },
      verifyEffect: signal =>
        lookUntil(
          async () => {
            const wasRunning = lost.some(({ instance }) => instance !== undefined);
            if (!wasRunning || lost.some(({ replica }) => replica.instance !== undefined)) return undefined;
            const answers = await react(
              lost.map(({ replica }) => replica),
              signal,
            );
            if (answers.some(({ kind }) => kind === 'answered')) return undefined;
            const elsewhere = await react(zone.others, signal);
            const answering = zone.others.filter((_, index) => elsewhere[index]!.kind === 'answered');
            if (zone.others.length > 0 && answering.length === 0) return undefined;
            const names = lost.map(({ replica }) => replica.name).join(', ');
            const rest = answering.length > 0 ? `, ${answering.map(({ name }) => name).join(', ')} elsewhere do` : '';
            return { atMs: lostMs, evidence: `all of ${zone.name} is gone: ${names} do not answer${rest}` };
          },
          clock,
          signal,
        ),
      async heal() {
        await Promise.all(zone.replicas.map(replica => replica.release(HOLDER)));
      },
      async verifyHealed(signal) {
        await Promise.all(lost.map(({ replica }) => replica.ready(signal)));
        const names = lost.map(({ replica }) => replica.name).join(', ');
        return { atMs: clock.nowMs(), evidence: `${names} are ready, ${secondsSince(lostMs, clock)} after the loss` };
      },
    };
  },
});
