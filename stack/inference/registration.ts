import type { Clock } from '../../harness/clock.ts';
import { messageOf } from '../../harness/errors.ts';
import type { ControlClient, Registration } from '../control/client.ts';

/** Dependencies of {@link keepRegistered}. */
export interface RegistrationContext {
  readonly registration: Registration;
  readonly client: Pick<ControlClient, 'register' | 'heartbeat' | 'deregister'>;
  readonly clock: Clock;
  readonly log: (message: string, detail: Readonly<Record<string, unknown>>) => void;
}

/** Heartbeats per TTL, of which two may be lost. */
const HEARTBEATS_PER_TTL = 3;
/** Timeout of the deregistration; if it fails, the registration expires with its TTL. */
const DEREGISTER_TIMEOUT_MS = 500;

/**
 * Registers, keeps the registration alive with heartbeats, and deregisters when `signal` aborts. Never throws.
 *
 * ```
 * register ─▶ heartbeat every ttl/3 ─▶ … ─▶ deregister
 *    ▲              │ registration unknown to the agent
 *    └──────────────┘      on failure: retried every ttl/3
 * ```
 */
export async function keepRegistered(context: RegistrationContext, signal: AbortSignal): Promise<void> {
  const { registration, client, clock, log } = context;
  let isRegistered = false;
  let isFailing = false;
  while (!signal.aborted) {
    try {
      if (isRegistered) isRegistered = await client.heartbeat(registration.id, signal);
      if (!isRegistered) {
        await client.register(registration, signal);
        isRegistered = true;
        log('registered', { service: registration.service, address: registration.address });
      }
      isFailing = false;
    } catch (error) {
      if (!isFailing && !signal.aborted) log('registration failed', { reason: messageOf(error) });
      isFailing = true;
    }
    await clock.sleep(registration.ttlMs / HEARTBEATS_PER_TTL, signal).catch(() => {});
  }
  // Even if no registration is confirmed: its response may have been lost.
  await client.deregister(registration.id, clock.timeout(DEREGISTER_TIMEOUT_MS)).catch(() => {});
}
