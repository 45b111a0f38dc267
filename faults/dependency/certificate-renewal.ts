import { z } from 'zod';
import { linkFault } from '../fault.ts';
import { entryCertificateOf, SETTLED_MS, seeOnly } from './entry-certificate.ts';

/**
 * Replaces the certificate at the entry of the stack by another valid one while it serves, as is due every few weeks. It has taken effect
 * when new connections get the new one; it has recovered when they get no other for 300 ms.
 */
export const fault = linkFault({
  kind: 'certificate-renewal',
  summary: 'Replaces the TLS certificate at the entry by a new one, without a restart.',
  parameters: z.object({}),
  selfHealing: true,
  // A server that Squall did not start keeps its own certificate.
  platforms: ['process', 'docker'],
  create(_parameters, _link, { stack, clock }) {
    let before = '';
    let renewed = '';
    return {
      async inject(signal) {
        const certificate = entryCertificateOf(stack);
        before = await certificate.look(signal);
        renewed = await certificate.replace();
      },
      async verifyEffect(signal) {
        await seeOnly(renewed, 0, { stack, clock, signal });
        return { atMs: clock.nowMs(), evidence: `new connections get ${short(renewed)} instead of ${short(before)}` };
      },
      async heal() {},
      async verifyHealed(signal) {
        await seeOnly(renewed, SETTLED_MS, { stack, clock, signal });
        return {
          atMs: clock.nowMs(),
          evidence: `new connections got ${short(renewed)} and no other for ${SETTLED_MS} ms`,
        };
      },
    };
  },
});

function short(fingerprint: string): string {
  return fingerprint.slice(0, 11);
}
