import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Replica, RunningStack } from '../../harness/contracts.ts';
import { SquallError } from '../../harness/errors.ts';
import { replicaFault } from '../fault.ts';
import { lookUntil, secondsSince } from '../probe.ts';
import { type Caller, Intruder, signIn } from './intruder.ts';

/**
 * Revokes an API key through the admin API of one gateway, while somebody goes on using a token that it got before, on every gateway, with
 * proofs that hold. From `within` on each of these requests has to be refused: `violations(<id>)` counts those that are not.
 *
 * It has taken effect when the gateway that was told refuses one; it has recovered when, with the key accepted again, every gateway accepts one.
 */
export const fault = replicaFault({
  kind: 'key-revoked',
  summary: 'An API key is revoked on one gateway, while somebody goes on using its token on all of them.',
  parameters: z.object({
    key: z.string().min(1).max(512).describe('API key of a class of `load.clients.classes`'),
    withinMs: z
      .number()
      .min(0)
      .max(60_000)
      .default(1000)
      .describe('time from which each of its requests must be refused'),
  }),
  selfHealing: false,
  platforms: ['process', 'docker', 'virtual'],
  create({ key, withinMs }, replica, context) {
    const { clock, stack } = context;
    let caller: Caller | undefined;
    let intruder: Intruder | undefined;
    let revokedMs = 0;
    let healedMs = 0;
    return {
      async inject(signal) {
        const own = await signIn(context, key, `revoked-${clock.nowMs()}`, signal);
        caller = own;
        revokedMs = clock.nowMs();
        await revoke(stack, replica, key, 'PUT', signal);
        intruder = new Intruder(own, entry => own.client.headers(own.token, 'GET', own.urlOf(entry)), clock, withinMs);
      },
      verifyEffect: signal =>
        lookUntil(clock, signal, async () => {
          const { refusedMs } = intruder!.seen;
          if (refusedMs === undefined) return undefined;
          const evidence = `a request with a token of the key was refused ${(refusedMs / 1000).toFixed(2)} s after the revocation`;
          return { atMs: clock.nowMs(), evidence };
        }),
      async heal(signal) {
        await intruder?.stop();
        healedMs = clock.nowMs();
        if (revokedMs > 0) await revoke(stack, replica, key, 'DELETE', signal);
      },
      verifyHealed: signal =>
        lookUntil(clock, signal, async () => {
          const { client, token, entries, send, urlOf } = caller!;
          for (const entry of entries)
            if ((await send(entry, client.headers(token, 'GET', urlOf(entry)), signal)) !== 200) return undefined;
          const { acceptedMs, outcome } = intruder!.seen;
          const last =
            acceptedMs === undefined
              ? 'none was accepted after the revocation'
              : `the last one was accepted ${(acceptedMs / 1000).toFixed(2)} s after the revocation`;
          const evidence = `${outcome.rejected} of ${outcome.ended} requests with a token of the key were refused, ${last}; every gateway accepts it again, ${secondsSince(healedMs, clock)} after that was taken back`;
          return { atMs: clock.nowMs(), evidence, requests: outcome };
        }),
    };
  },
});

async function revoke(
  { send }: RunningStack,
  replica: Replica,
  key: string,
  method: 'PUT' | 'DELETE',
  signal: AbortSignal,
): Promise<void> {
  // Id of a client whose key has no name: the first digits of its hash.
  const client = createHash('sha256').update(key).digest('hex').slice(0, 16);
  const response = await send?.(replica, { method, path: `/revocations/keys/${client}` }, signal, 'admin');
  if (response?.status === 200) return;
  const found = response ? `${response.status}: ${response.text.slice(0, 200)}` : 'nothing';
  throw new SquallError('fault', 'NOT_REVOKED', `Expected ${replica.name} to revoke the key, got ${found}`, {
    next: 'Use `on: gateway-1`, and the key of a class of `load.clients.classes`.',
  });
}
