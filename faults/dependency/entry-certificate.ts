import type { Clock } from '../../harness/clock.ts';
import type { EntryCertificate, RunningStack } from '../../harness/contracts.ts';
import { SquallError } from '../../harness/errors.ts';

const POLL_MS = 30;
/** Old workers of nginx accept a little longer; only an unbroken row of one certificate for this long shows that they have stopped. */
export const SETTLED_MS = 300;

/** The certificate that clients of a stack meet. @throws SquallError `NO_TLS_ENTRY` where they enter in the clear */
export function entryCertificateOf({ entryCertificate }: RunningStack): EntryCertificate {
  if (entryCertificate) return entryCertificate;
  throw new SquallError(
    'fault',
    'NO_TLS_ENTRY',
    'Expected clients to enter over TLS, but this stack has no certificate',
    {
      next: 'Set `stack.edge` to { tls: {} } in the scenario.',
    },
  );
}

/** Looks until new connections have met `fingerprint` and no other for `forMs`. @throws the signal's reason on abort */
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
