import type { Clock } from '../../harness/clock.ts';
import type { RunningStack } from '../../harness/contracts.ts';
import { SquallError } from '../../harness/errors.ts';
import type { EntryCertificate } from '../../harness/http/entry-certificate.ts';

const POLL_MS = 30;
/** Old workers of nginx still accept for a moment; they have stopped once every handshake got the same certificate for this long. */
export const SETTLED_MS = 300;

/** The certificate at the entry of a stack. @throws SquallError `NO_TLS_ENTRY` when clients enter without TLS */
export function entryCertificateOf({ entryCertificate }: RunningStack): EntryCertificate {
  if (entryCertificate) return entryCertificate;
  throw new SquallError('fault', 'NO_TLS_ENTRY', 'Expected a stack with a TLS entry, got one without a certificate', {
    next: 'Set `stack.edge` to { tls: {} } in the scenario.',
  });
}

/** Waits until new connections have got `fingerprint` and no other for `forMs`. @throws the signal's reason on abort */
export async function seeOnly(
  fingerprint: string,
  forMs: number,
  { stack, clock, signal }: { readonly stack: RunningStack; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  let sinceMs: number | undefined;
  for (;;) {
    const seen = await entryCertificateOf(stack)
      .look(signal)
      .catch(() => '');
    signal.throwIfAborted();
    const nowMs = clock.nowMs();
    sinceMs = seen === fingerprint ? (sinceMs ?? nowMs) : undefined;
    if (sinceMs !== undefined && nowMs - sinceMs >= forMs) return;
    await clock.sleep(POLL_MS, signal);
  }
}
