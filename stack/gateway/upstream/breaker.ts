import type { GatewayConfig } from '../config.ts';

/** Settings of the circuit breaker. */
export type BreakerOptions = Exclude<GatewayConfig['breaker'], 'off'>;

/** `closed`: all traffic · `open`: none · `half-open`: trial requests only. */
export type BreakerState = 'closed' | 'open' | 'half-open';

/** How an attempt ended, for a breaker. */
export type BreakerOutcome = 'success' | 'timeout' | 'error';

/** Change of a breaker's state. */
export interface BreakerChange {
  readonly to: BreakerState;
  /** Why, such as `5 consecutive timeouts`. */
  readonly reason: string;
}

/** Outcomes of one tenth of the window. */
interface Bucket {
  /** Number of the tenth since time 0. */
  readonly index: number;
  total: number;
  failed: number;
}

/** Circuit breaker of one upstream. Created by {@link newBreaker}; changed by {@link enter}, {@link leave} and {@link recordAtBreaker}. */
export interface Breaker {
  state: BreakerState;
  /** Number of the period that the latest change began; a trial belongs to one. */
  period: number;
  openUntilMs: number;
  consecutiveTimeouts: number;
  trialsInFlight: number;
  trialsPassed: number;
  buckets: Bucket[];
}

const BUCKETS = 10;

/** A breaker that has seen nothing yet. */
export function newBreaker(): Breaker {
  return {
    ...{ state: 'closed', period: 0, openUntilMs: 0, buckets: [] },
    ...{ consecutiveTimeouts: 0, trialsInFlight: 0, trialsPassed: 0 },
  };
}

/** Whether an attempt may begin at `nowMs`: always while closed, and in a half-open breaker as long as trials are left. */
export function isPassable(options: BreakerOptions, breaker: Breaker, nowMs: number): boolean {
  if (breaker.state === 'closed') return true;
  if (breaker.state === 'open') return nowMs >= breaker.openUntilMs;
  return breaker.trialsInFlight + breaker.trialsPassed < options.trialRequests;
}

/** The state at `nowMs`, in which an open breaker whose time is over is half-open. */
export function breakerState({ state, openUntilMs }: Breaker, nowMs: number): BreakerState {
  return state === 'open' && nowMs >= openUntilMs ? 'half-open' : state;
}

/**
 * Begins an attempt. One that begins although {@link isPassable} is false bypasses the breaker and does not change it.
 * @returns the ticket of a trial, undefined for any other attempt; and the change if it is the first trial
 */
export function enter(
  options: BreakerOptions,
  breaker: Breaker,
  nowMs: number,
): { readonly ticket: number | undefined; readonly change?: BreakerChange } {
  if (breaker.state === 'closed' || !isPassable(options, breaker, nowMs)) return { ticket: undefined };
  const isFirst = breaker.state === 'open';
  if (isFirst) begin(breaker, 'half-open');
  breaker.trialsInFlight += 1;
  const ticket = breaker.period;
  return isFirst ? { ticket, change: { to: 'half-open', reason: `${options.openMs / 1000} s are over` } } : { ticket };
}

/** Ends an attempt, whatever came of it. @param ticket that of {@link enter} */
export function leave(breaker: Breaker, ticket: number | undefined): void {
  if (ticket === breaker.period) breaker.trialsInFlight -= 1;
}

/**
 * Records the outcome of an attempt, after {@link leave}; one that was cancelled has none.
 *
 * ```
 *  closed ── N consecutive timeouts, or a ratio of failures in the window ──► open ── openMs ──► half-open
 *    ▲                                                                        ▲                  │
 *    └───────────────────────── all trials succeed ───────────────────────────│──────────────────┤
 *                                                                             └── one fails ─────┘
 * ```
 *
 * The scheme is that of M. Nygard, "Release It!" (2nd ed. 2018, 5.1 "Circuit Breaker"), with the sliding window and the least number of
 * requests of resilience4j's CircuitBreaker (docs: "CircuitBreaker", count of calls by time). Outcomes of attempts that began before the
 * breaker opened change nothing but the window, nor do those that bypass it.
 * @returns the change of state that it causes
 */
export function recordAtBreaker(
  options: BreakerOptions,
  breaker: Breaker,
  outcome: BreakerOutcome,
  ticket: number | undefined,
  nowMs: number,
): BreakerChange | undefined {
  count(options, breaker, outcome !== 'success', nowMs);
  if (breaker.state === 'closed') return afterOutcome(options, breaker, outcome, nowMs);
  if (ticket !== breaker.period) return undefined;
  if (outcome !== 'success') return open(options, breaker, `a trial request failed (${outcome})`, nowMs);
  breaker.trialsPassed += 1;
  if (breaker.trialsPassed < options.trialRequests) return undefined;
  begin(breaker, 'closed');
  breaker.buckets = [];
  return { to: 'closed', reason: `${options.trialRequests} trial requests succeeded` };
}

function afterOutcome(
  options: BreakerOptions,
  breaker: Breaker,
  outcome: BreakerOutcome,
  nowMs: number,
): BreakerChange | undefined {
  if (outcome === 'success') breaker.consecutiveTimeouts = 0;
  if (outcome === 'timeout') breaker.consecutiveTimeouts += 1;
  const { consecutiveTimeouts } = breaker;
  if (consecutiveTimeouts >= options.consecutiveTimeouts)
    return open(options, breaker, `${consecutiveTimeouts} consecutive timeouts`, nowMs);
  const { total, failed } = inWindow(options, breaker, nowMs);
  if (outcome === 'success' || total < options.minRequests || failed / total < options.errorRatio) return undefined;
  return open(options, breaker, `${failed} of ${total} requests failed within ${options.windowMs / 1000} s`, nowMs);
}

function open(options: BreakerOptions, breaker: Breaker, reason: string, nowMs: number): BreakerChange {
  begin(breaker, 'open');
  breaker.openUntilMs = nowMs + options.openMs;
  return { to: 'open', reason };
}

function begin(breaker: Breaker, state: BreakerState): void {
  breaker.state = state;
  breaker.period += 1;
  breaker.consecutiveTimeouts = 0;
  breaker.trialsInFlight = 0;
  breaker.trialsPassed = 0;
}

/** Closes a breaker by hand, and forgets its window. @returns the change; undefined if it was closed */
export function resetBreaker(breaker: Breaker): BreakerChange | undefined {
  const isClosed = breaker.state === 'closed';
  breaker.buckets = [];
  begin(breaker, 'closed');
  return isClosed ? undefined : { to: 'closed', reason: 'reset by an operator' };
}

/** Ratio of failed attempts in the window, 0–1; 0 without any. Of several open upstreams, the least bad has the lowest. */
export function failedRatio(options: BreakerOptions, breaker: Breaker, nowMs: number): number {
  const { total, failed } = inWindow(options, breaker, nowMs);
  return total === 0 ? 0 : failed / total;
}

function count({ windowMs }: BreakerOptions, breaker: Breaker, isFailure: boolean, nowMs: number): void {
  const index = Math.floor((nowMs * BUCKETS) / windowMs);
  let bucket = breaker.buckets.at(-1);
  if (bucket?.index !== index) {
    bucket = { index, total: 0, failed: 0 };
    breaker.buckets = [...breaker.buckets.filter(other => other.index > index - BUCKETS), bucket];
  }
  bucket.total += 1;
  if (isFailure) bucket.failed += 1;
}

function inWindow({ windowMs }: BreakerOptions, { buckets }: Breaker, nowMs: number) {
  const index = Math.floor((nowMs * BUCKETS) / windowMs);
  let total = 0;
  let failed = 0;
  for (const bucket of buckets) {
    if (bucket.index <= index - BUCKETS) continue;
    total += bucket.total;
    failed += bucket.failed;
  }
  return { total, failed };
}
