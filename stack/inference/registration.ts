import type { Clock } from '../../harness/clock.ts';
import { messageOf } from '../../harness/errors.ts';
import type { ControlClient, Registration } from '../control/client.ts';

/** What {@link keepRegistered} needs. */
export interface RegistrationContext {
  readonly registration: Registration;
  readonly client: Pick<ControlClient, 'register' | 'heartbeat' | 'deregister'>;
  readonly clock: Clock;
  readonly log: (message: string, detail: Readonly<Record<string, unknown>>) => void;
}

/** Heartbeats in one TTL: two may get lost. */
const HEARTBEATS_PER_TTL = 3;
/** How long a goodbye may take; who does not say it is dropped when its TTL runs out. */
const GOODBYE_LIMIT_MS = 500;

/**
 * Registers, keeps the registration alive with heartbeats, and withdraws it when `signal` aborts. Never throws.
 *
 * ```
 * register ─▶ heartbeat every ttl/3 ─▶ … ─▶ deregister
 *    ▲              │ unknown: the agent has forgotten us
 *    └──────────────┘      a failure: the same again after ttl/3, for as long as it takes
 * ```
 */
export async function keepRegistered(context: RegistrationContext, signal: AbortSignal): Promise<void> {
  const { registration, client, clock, log } = context;
  let isKnown = false;
  let isTroubled = false;
  while (!signal.aborted) {
    try {
      if (isKnown) isKnown = await client.heartbeat(registration.id, signal);
      if (!isKnown) {
        await client.register(registration, signal);
        isKnown = true;
        log('registered', { service: registration.service, address: registration.address });
      }
      isTroubled = false;
    } catch (error) {
      if (!isTroubled && !signal.aborted) log('registration is not kept alive', { reason: messageOf(error) });
      isTroubled = true;
    }
    await clock.sleep(registration.ttlMs / HEARTBEATS_PER_TTL, signal).catch(() => {});
  }
  // Also when it is not known to be registered: the answer to a registration may have got lost.
  await client.deregister(registration.id, AbortSignal.timeout(GOODBYE_LIMIT_MS)).catch(() => {});
}
