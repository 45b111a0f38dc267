import { z } from 'zod';
import { linkFault } from '../fault.ts';
import { lookUntil } from '../probe.ts';
import { entryCertificateOf, SETTLED_MS, seeOnly } from './entry-certificate.ts';

const HOUR_MS = 3_600_000;

/**
 * Replaces the certificate at the entry of the stack by an expired one. Open connections continue; new connections of clients that verify
 * certificates fail. It has taken effect when a handshake fails for that reason; it has recovered when new connections get a valid certificate
 * and no other for 300 ms.
 */
export const fault = linkFault({
  kind: 'certificate-expiry',
  summary: 'Replaces the TLS certificate at the entry by an expired one.',
  parameters: z.object({}),
  selfHealing: false,
  // A server that Squall did not start keeps its own certificate.
  platforms: ['process', 'docker'],
  create(_parameters, _link, { stack, clock }) {
    let valid: string | undefined;
    return {
      async inject() {
        const nowMs = clock.date().getTime();
        const validity = { from: new Date(nowMs - 2 * HOUR_MS), to: new Date(nowMs - HOUR_MS) };
        await entryCertificateOf(stack).replace(validity);
      },
      verifyEffect: signal =>
        lookUntil(clock, signal, async () => {
          const failure = await entryCertificateOf(stack)
            .look(signal)
            .catch((error: NodeJS.ErrnoException) => error.code);
          if (failure !== 'CERT_HAS_EXPIRED') return undefined;
          return { atMs: clock.nowMs(), evidence: 'a client rejects it: CERT_HAS_EXPIRED' };
        }),
      async heal() {
        valid = await entryCertificateOf(stack).replace();
      },
      async verifyHealed(signal) {
        await seeOnly(valid!, SETTLED_MS, { stack, clock, signal });
        return { atMs: clock.nowMs(), evidence: `new connections have got a valid certificate for ${SETTLED_MS} ms` };
      },
    };
  },
});
