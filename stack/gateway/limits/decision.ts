import { type LimitScope, type ScopedRule, type TakeResult, waitMs } from './bucket.ts';

/** Rate limit decision for one request. */
export interface LimitDecision {
  readonly allowed: boolean;
  /** Scope of the limit that rejected the request, or that is closest to it. */
  readonly scope: LimitScope;
  /** Requests per `periodMs`, over all gateways. */
  readonly limit: number;
  readonly periodMs: number;
  /** Requests that would still pass now. */
  readonly remaining: number;
  /** Time until the next request may pass if this one was rejected, else until the bucket is full. */
  readonly resetMs: number;
}

/**
 * Decision derived from bucket levels. It reports the most restrictive limit: for a rejected request the one with the longest
 * wait, else the one with the fewest requests remaining.
 * @param rules applied rules
 * @param advertised rules as advertised to clients, in the same order
 */
export function decide(
  { allowed, levels }: TakeResult,
  rules: readonly ScopedRule[],
  advertised = rules,
): LimitDecision {
  const views = rules.map((rule, index) => {
    const level = levels[index]!;
    const { limit, periodMs } = advertised[index]!;
    const resetMs = waitMs(rule, level, allowed ? rule.burst : 1);
    return { allowed, scope: rule.scope, limit, periodMs, remaining: Math.floor(level / rule.periodMs), resetMs };
  });
  return views.reduce((tightest, view) => {
    const isTighter = allowed ? view.remaining < tightest.remaining : view.resetMs > tightest.resetMs;
    return isTighter ? view : tightest;
  });
}
