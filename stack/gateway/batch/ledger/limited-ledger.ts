import { type Clock, NEVER, withLimit } from '../../../../harness/clock.ts';
import type { Ledger } from './ledger.ts';

/** A ledger whose calls fail after `timeoutMs`, with another connection from then on: one that a fault cut off may stay silent for ever. */
export function limitedLedger(ledger: Ledger, timeoutMs: number, clock: Clock): Ledger {
  let reconnectedMs = Number.NEGATIVE_INFINITY;
  const within = async <T>(call: () => Promise<T>): Promise<T> => {
    let hasSettled = false;
    const beganMs = clock.nowMs();
    try {
      return await withLimit(timeoutMs, NEVER, () => call().finally(() => (hasSettled = true)), clock);
    } catch (error) {
      // All calls of a connection fail together, but replace it once.
      if (!hasSettled && beganMs >= reconnectedMs) {
        reconnectedMs = clock.nowMs();
        ledger.reconnect();
      }
      throw error;
    }
  };
  return {
    open: () => ledger.open(),
    reconnect: () => ledger.reconnect(),
    close: () => ledger.close(),
    nowMs: () => within(() => ledger.nowMs()),
    commit: (...words) => within(() => ledger.commit(...words)),
    fields: key => within(() => ledger.fields(key)),
    values: (...words) => within(() => ledger.values(...words)),
    bytes: key => within(() => ledger.bytes(key)),
    range: (...words) => within(() => ledger.range(...words)),
  };
}
