import type { RestartPolicy } from '../stack/options.ts';

/** A replica that was ready this long is healthy: the next wait is `baseDelayMs` again. Kubernetes takes ten minutes. */
export const STABLE_MS = 10_000;
/** Exits in a row without ever having been ready, after which a replica is given up. */
export const BARREN_EXITS_LIMIT = 5;

/** What a supervisor remembers between exits; starts as {@link NO_EXITS}. */
export interface ExitRecord {
  /** Exits since it was last stable. */
  readonly exits: number;
  /** Exits in a row without having been ready. */
  readonly barren: number;
}

/** The record of a replica that never exited. */
export const NO_EXITS: ExitRecord = { exits: 0, barren: 0 };

/** What to do after an exit. */
export type RestartDecision =
  | { readonly kind: 'restart'; readonly afterMs: number }
  | { readonly kind: 'stay-down' }
  | { readonly kind: 'give-up'; readonly exits: number };

/**
 * Decides what follows an exit. A kill counts like a crash, so a replica that is killed again and again waits longer each
 * time, but it is given up only when it never gets as far as ready.
 *
 * @param readyAtMs when the process that exited had become ready, if it did; on the same clock as `nowMs`
 */
export function decideRestart(
  policy: RestartPolicy,
  before: ExitRecord,
  readyAtMs: number | undefined,
  nowMs: number,
): { readonly decision: RestartDecision; readonly record: ExitRecord } {
  const wasStable = readyAtMs !== undefined && nowMs - readyAtMs >= STABLE_MS;
  const record = {
    exits: wasStable ? 1 : before.exits + 1,
    barren: readyAtMs === undefined ? before.barren + 1 : 0,
  };
  if (policy === 'off') return { decision: { kind: 'stay-down' }, record };
  if (record.barren >= BARREN_EXITS_LIMIT) return { decision: { kind: 'give-up', exits: record.barren }, record };
  const afterMs = Math.min(policy.maxDelayMs, policy.baseDelayMs * policy.factor ** (record.exits - 1));
  return { decision: { kind: 'restart', afterMs }, record };
}
