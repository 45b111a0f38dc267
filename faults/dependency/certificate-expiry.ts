import { z } from 'zod';
import { linkFault } from '../fault.ts';
import { entryCertificateOf, SETTLED_MS, seeOnly } from './entry-certificate.ts';

const HOUR_MS = 3_600_000;
const POLL_MS = 50;

/**
 * The certificate at the entry of the stack expires: it is replaced by one whose time is over. Connections that are open go on;
 * new ones fail at clients that check. It bites when a handshake is refused for that very reason, and has healed when new
 * connections meet a good certificate and no other for 300 ms.
 */
export const fault = linkFault({
  kind: 'certificate-expiry',
  summary: 'Has the TLS certificate at the entry expire.',
  parameters: z.object({}),
  selfHealing: false,
  // A server that Squall did not start keeps its own certificate.
  platforms: ['process', 'docker'],
  create(_parameters, _link, { stack, clock }) {
    let good: string | undefined;
    return {
      async inject() {
        const nowMs = clock.date().getTime();
        const validity = { from: new Date(nowMs - 2 * HOUR_MS), to: new Date(nowMs - HOUR_MS) };
        await entryCertificateOf(stack).replace(validity);
      },
      async verifyEffect(signal) {
        for (;;) {
          signal.throwIfAborted();
          const refused = await entryCertificateOf(stack)
            .look(signal)
            .then(
              () => '',
              (error: NodeJS.ErrnoException) => error.code ?? error.message,
            );
          signal.throwIfAborted();
          if (refused === 'CERT_HAS_EXPIRED')
            return { atMs: clock.nowMs(), evidence: 'a client refuses it: CERT_HAS_EXPIRED' };
          await clock.sleep(POLL_MS, signal);
        }
      },
      async heal() {
        good = await entryCertificateOf(stack).replace();
      },
      async verifyHealed(signal) {
        await seeOnly(good!, SETTLED_MS, { stack, clock, signal });
        return { atMs: clock.nowMs(), evidence: `new connections meet a good certificate again, for ${SETTLED_MS} ms` };
      },
    };
  },
});
