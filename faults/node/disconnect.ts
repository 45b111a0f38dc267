import { z } from 'zod';
import { replicaFault } from '../fault.ts';
import { lookUntil, reactionOf, readyAgain } from '../probe.ts';
import { containerOf } from './container.ts';

const PROBE_TIMEOUT_MS = 500;
/** A container's death is noticed within this time, so that one that is still running after it has not died. */
const STILL_RUNNING_MS = 1500;

/**
 * Disconnects a running container from all its networks, as a broken network card or a wrong firewall rule does, and reconnects it under
 * the same names. Packets of open connections are lost; new connections fail.
 *
 * It has taken effect when probes of a replica that responded before have failed for 1.5 s while the same instance is running; it has
 * recovered when the replica is ready.
 */
export const fault = replicaFault({
  kind: 'disconnect',
  summary: 'Disconnects a running container from its networks.',
  parameters: z.object({}),
  selfHealing: false,
  platforms: ['docker'],
  create(_parameters, replica, context) {
    const { clock } = context;
    const container = containerOf(replica);
    let disconnected: string | undefined;
    let disconnectedMs = 0;
    let silentFromMs: number | undefined;
    return {
      async inject(signal) {
        const { kind } = await reactionOf(replica, PROBE_TIMEOUT_MS, context, signal);
        if (kind === 'responded') disconnected = replica.instance;
        await container.disconnect();
        disconnectedMs = clock.nowMs();
      },
      verifyEffect: signal =>
        lookUntil(clock, signal, async () => {
          const { kind, sentMs } = await reactionOf(replica, PROBE_TIMEOUT_MS, context, signal);
          const isSilent = kind !== 'responded' && disconnected !== undefined && replica.instance === disconnected;
          silentFromMs = isSilent ? (silentFromMs ?? sentMs) : undefined;
          if (silentFromMs === undefined || clock.nowMs() - silentFromMs < STILL_RUNNING_MS) return undefined;
          const silentMs = Math.round(clock.nowMs() - silentFromMs);
          return {
            atMs: silentFromMs,
            evidence: `${disconnected} is running and has not responded for ${silentMs} ms`,
          };
        }),
      heal: () => container.reconnect(),
      verifyHealed: signal => readyAgain(replica, 'disconnect', disconnectedMs, clock, signal),
    };
  },
});
