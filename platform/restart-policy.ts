import type { RestartPolicy } from '../stack/options.ts';

/** Ready time, in ms, after which the backoff is reset to `baseDelayMs`. Kubernetes uses ten minutes. */
export const STABLE_MS = 10_000;
/** Consecutive exits without having been ready after which a replica is given up. */
export const BARREN_EXITS_LIMIT = 5;

/** Exits of a replica so far; initially {@link NO_EXITS}. */
export interface ExitRecord {
  /** Exits since it was last ready for {@link STABLE_MS}. */
  readonly exits: number;
  /** Consecutive exits without having been ready. */
  readonly barren: number;
}

/** Record of a replica that never exited. */
export const NO_EXITS: ExitRecord = { exits: 0, barren: 0 };

/** Decision after an exit. */
export type RestartDecision =
  | { readonly kind: 'restart'; readonly afterMs: number }
  | { readonly kind: 'stay-down' }
  | { readonly kind: 'give-up'; readonly exits: number };

/**
 * Decides what follows an exit. A kill counts like a crash, so a replica that is killed repeatedly waits longer each time, but it
 * is given up only if it never becomes ready.
 *
 * @param readyAtMs when the process that exited had become ready, if it had; on the same clock as `nowMs`
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
