import { type LimitScope, type ScopedRule, type Taken, waitMs } from './bucket.ts';

/** What a request is told about its limits. */
export interface LimitDecision {
  readonly allowed: boolean;
  /** The limit that refused it, or that is nearest to refusing. */
  readonly scope: LimitScope;
  /** Requests allowed in `periodMs`, for all gateways together. */
  readonly limit: number;
  readonly periodMs: number;
  /** Requests that would pass now. */
  readonly remaining: number;
  /** Until the next request may pass, if it was refused; else until the bucket is full again. */
  readonly resetMs: number;
}

/**
 * Turns what buckets said into what a client is told. Of several limits the one that matters is told: when refused the one with the
 * longest wait, else the one with the fewest requests left.
 * @param rules those that were applied
 * @param told those that the client knows, in the same order
 */
export function decide({ allowed, levels }: Taken, rules: readonly ScopedRule[], told = rules): LimitDecision {
  const views = rules.map((rule, index) => {
    const level = levels[index]!;
    const { limit, periodMs } = told[index]!;
    const resetMs = waitMs(rule, level, allowed ? rule.burst : 1);
    return { allowed, scope: rule.scope, limit, periodMs, remaining: Math.floor(level / rule.periodMs), resetMs };
  });
  return views.reduce((most, view) => {
    const matters = allowed ? view.remaining < most.remaining : view.resetMs > most.resetMs;
    return matters ? view : most;
  });
}
