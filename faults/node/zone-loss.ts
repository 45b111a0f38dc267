import { z } from 'zod';
import type { Replica } from '../../harness/contracts.ts';
import { zoneFault } from '../fault.ts';
import { lookUntil, reactionOf, secondsSince } from '../probe.ts';

const HOLDER = 'zone-loss';
const PROBE_TIMEOUT_MS = 1000;

/**
 * Kills every replica of a zone at once and keeps all of them away, including standby replicas, as a power cut does.
 *
 * It has taken effect when every instance in the zone is gone and does not respond, while, as an upper bound that tells it from the loss of
 * everything, a replica of another zone responds, if there is one; it has recovered when all replicas that were running are ready.
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
    const namesOf = (replicas: readonly Replica[]) => replicas.map(({ name }) => name).join(', ');
    const namesLost = () => namesOf(lost.map(({ replica }) => replica));
    const responding = async (replicas: readonly Replica[], signal: AbortSignal) => {
      const reactions = replicas.map(replica => reactionOf(replica, PROBE_TIMEOUT_MS, context, signal));
      const kinds = (await Promise.all(reactions)).map(({ kind }) => kind);
      return replicas.filter((_, index) => kinds[index] === 'responded');
    };
    return {
      healDelayMs: Math.max(0, ...zone.replicas.map(({ coldStartMs }) => coldStartMs)),
      async inject() {
        // A replica that was stopped on purpose is not lost, and healing must not start it.
        lost = zone.replicas
          .filter(({ state }) => state !== 'stopped')
          .map(replica => ({ replica, instance: replica.instance }));
        for (const replica of zone.replicas) replica.hold(HOLDER);
        await Promise.all(zone.replicas.map(replica => replica.kill()));
        lostMs = clock.nowMs();
      },
      verifyEffect: signal =>
        lookUntil(clock, signal, async () => {
          const wasRunning = lost.some(({ instance }) => instance !== undefined);
          if (!wasRunning || lost.some(({ replica }) => replica.instance !== undefined)) return undefined;
          const left = await responding(
            lost.map(({ replica }) => replica),
            signal,
          );
          if (left.length > 0) return undefined;
          const others = await responding(zone.others, signal);
          if (zone.others.length > 0 && others.length === 0) return undefined;
          const rest = others.length > 0 ? `, ${namesOf(others)} elsewhere do` : '';
          return { atMs: lostMs, evidence: `all of ${zone.name} is gone: ${namesLost()} do not respond${rest}` };
        }),
      async heal() {
        await Promise.all(zone.replicas.map(replica => replica.release(HOLDER)));
      },
      async verifyHealed(signal) {
        await Promise.all(lost.map(({ replica }) => replica.ready(signal)));
        const evidence = `${namesLost()} are ready, ${secondsSince(lostMs, clock)} after the loss`;
        return { atMs: clock.nowMs(), evidence };
      },
    };
  },
});
