import type { LimitsConfig } from './config.ts';

/** Whose requests a bucket counts. */
export type LimitScope = 'key' | 'global';

/**
 * A token bucket that refills at `limit` tokens in `periodMs` and holds `burst` at most. All three are whole numbers.
 *
 * Levels are counted in parts of a token so that no step rounds: one token is `periodMs` parts, and `limit` parts flow in each
 * millisecond.
 */
export interface BucketRule {
  readonly limit: number;
  readonly periodMs: number;
  readonly burst: number;
}

/** What is remembered of a bucket that is not full; one that is full need not be remembered. */
export interface BucketState {
  /** Parts in it at `atMs`. */
  readonly level: number;
  readonly atMs: number;
}

/** What became of one request. */
export interface Taken {
  readonly allowed: boolean;
  /** Parts in each bucket afterwards, in the order of the rules. */
  readonly levels: readonly number[];
}

/**
 * Takes one token from every bucket, or from none when one of them is short of a whole one.
 *
 * ```
 * level ▲ burst ───────╮        ╭────
 *       │              ╰╮ ╭─╮ ╭─╯      each request takes a token, time brings them back
 *       │               ╰─╯ ╰─╯
 *       └────────────────────────────▶ time
 * ```
 *
 * A refusal changes nothing. A clock that was set back brings nothing and costs nothing: the bucket goes on from there.
 * The same in Lua, for Redis: `take-script.ts`; a test holds the two to each other.
 * @param states undefined where none is remembered
 * @param nowMs whole ms; of any clock, as long as it is always the same
 * @param remember told the new state of each bucket that changed
 */
export function take(
  rules: readonly BucketRule[],
  states: readonly (BucketState | undefined)[],
  nowMs: number,
  remember: (index: number, state: BucketState) => void,
): Taken {
  const levels = rules.map((rule, index) => levelAt(rule, states[index], nowMs));
  const allowed = rules.every((rule, index) => levels[index]! >= rule.periodMs);
  for (const [index, rule] of rules.entries()) {
    if (allowed) levels[index]! -= rule.periodMs;
    if (allowed || (states[index]?.atMs ?? nowMs) > nowMs) remember(index, { level: levels[index]!, atMs: nowMs });
  }
  return { allowed, levels };
}

/** Parts in a bucket at `nowMs`. */
export function levelAt({ limit, periodMs, burst }: BucketRule, state: BucketState | undefined, nowMs: number): number {
  const capacity = burst * periodMs;
  return state ? Math.min(capacity, state.level + Math.max(0, nowMs - state.atMs) * limit) : capacity;
}

/** Milliseconds until a bucket with `level` parts has `tokens` tokens, rounded up; 0 when it has. */
export function waitMs({ limit, periodMs }: BucketRule, level: number, tokens: number): number {
  return Math.max(0, Math.ceil((tokens * periodMs - level) / limit));
}

/** A rule with the scope it is for. */
export type ScopedRule = BucketRule & { readonly scope: LimitScope };

/** The rules of a configuration: per key first. A missing `burst` is 6 s worth per key and 1 s worth for all. */
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

/** One gateway's share of a rule among `replicas`: a longer period at the same limit, so that nothing rounds but the burst (down, 1 at least). */
export function shareOf<Rule extends BucketRule>(rule: Rule, replicas: number): Rule {
  return { ...rule, periodMs: rule.periodMs * replicas, burst: Math.max(1, Math.floor(rule.burst / replicas)) };
}
