import type { LimitsConfig } from './config.ts';

/** Requests that a bucket counts: those of one API key, or all. */
export type LimitScope = 'key' | 'global';

/**
 * Rule of a token bucket that refills at `limit` tokens per `periodMs` and holds at most `burst`. All three are integers.
 *
 * Levels are counted in fractions of a token so that nothing is rounded: one token is `periodMs` units, and `limit` units are added
 * per millisecond.
 */
export interface BucketRule {
  readonly limit: number;
  readonly periodMs: number;
  readonly burst: number;
}

/** State of a bucket. A full bucket needs no state. */
export interface BucketState {
  /** Units in the bucket at `atMs`. */
  readonly level: number;
  readonly atMs: number;
}

/** Result of {@link take}. */
export interface TakeResult {
  readonly allowed: boolean;
  /** Units left in each bucket, in the order of the rules. */
  readonly levels: readonly number[];
}

/**
 * Takes one token from every bucket, or from none if any of them has less than one.
 *
 * ```
 * level ▲ burst ───────╮        ╭────
 *       │              ╰╮ ╭─╮ ╭─╯      each request takes a token, time adds tokens
 *       │               ╰─╯ ╰─╯
 *       └────────────────────────────▶ time
 * ```
 *
 * A rejected request changes nothing. When the clock is set back, buckets keep their levels and continue from the new time.
 * `take-script.ts` is the same algorithm in Lua, for Redis; a test compares the two.
 * @param states undefined for buckets without state
 * @param nowMs integer ms of any one clock
 * @param save called with the new state of each bucket that changed
 */
export function take(
  rules: readonly BucketRule[],
  states: readonly (BucketState | undefined)[],
  nowMs: number,
  save: (index: number, state: BucketState) => void,
): TakeResult {
  const levels = rules.map((rule, index) => levelAt(rule, states[index], nowMs));
  const allowed = rules.every((rule, index) => levels[index]! >= rule.periodMs);
  for (const [index, rule] of rules.entries()) {
    if (allowed) levels[index]! -= rule.periodMs;
    if (allowed || (states[index]?.atMs ?? nowMs) > nowMs) save(index, { level: levels[index]!, atMs: nowMs });
  }
  return { allowed, levels };
}

/** Units in a bucket at `nowMs`. */
export function levelAt({ limit, periodMs, burst }: BucketRule, state: BucketState | undefined, nowMs: number): number {
  const capacity = burst * periodMs;
  return state ? Math.min(capacity, state.level + Math.max(0, nowMs - state.atMs) * limit) : capacity;
}

/** Milliseconds until a bucket at `level` has `tokens` tokens, rounded up; 0 when it already has. */
export function waitMs({ limit, periodMs }: BucketRule, level: number, tokens: number): number {
  return Math.max(0, Math.ceil((tokens * periodMs - level) / limit));
}

/** Rule and its scope. */
export type ScopedRule = BucketRule & { readonly scope: LimitScope };

/** Rules of a configuration, per key first. The default `burst` is 6 s of the rate per key and 1 s of the global rate. */
export function rulesOf({ perKey, global }: LimitsConfig): readonly ScopedRule[] {
  const rules: ScopedRule[] = [];
  if (perKey !== 'off') {
    const { perMinute, burst = Math.ceil(perMinute / 10) } = perKey;
    rules.push({ scope: 'key', limit: perMinute, periodMs: 60_000, burst });
  }
  if (global !== 'off') {
    const { perSecond, burst = perSecond } = global;
    rules.push({ scope: 'global', limit: perSecond, periodMs: 1000, burst });
  }
  return rules;
}

/**
 * Rule divided among `replicas` gateways: a longer period at the same limit, so that only the burst is rounded (down, to at
 * least 1).
 */
export function perReplica<Rule extends BucketRule>(rule: Rule, replicas: number): Rule {
  return { ...rule, periodMs: rule.periodMs * replicas, burst: Math.max(1, Math.floor(rule.burst / replicas)) };
}

/** Buckets shared by several gateways. Calls never wait for a connection; without one they reject at once. */
export interface SharedBuckets {
  /** Connects, and reconnects until {@link close}. `onDisconnect` is called whenever an established connection closes. */
  open(onDisconnect: () => void): void;
  /**
   * One atomic {@link take} on the store's own clock, without a timeout.
   * @param names bucket names, in the order of the rules
   */
  take(names: readonly string[], rules: readonly BucketRule[]): Promise<TakeResult>;
  /** Replaces a connection that does not respond. */
  reconnect(): void;
  close(): void;
}
