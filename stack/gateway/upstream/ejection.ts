import type { Random } from '../../../harness/random.ts';
import type { GatewayConfig } from '../config.ts';

/** Settings of passive outlier ejection. */
export type EjectionOptions = Exclude<GatewayConfig['ejection'], 'off'>;

/** Ejection state of one upstream. Created by {@link newOutlierRecord}, changed by {@link recordOutcome}. */
export interface OutlierRecord {
  consecutiveFailures: number;
  /** Number of ejections in a row; multiplies the duration of the next one. */
  timesEjected: number;
  /** End of the latest ejection, or −∞. */
  ejectedUntilMs: number;
  /** Failures of requests in flight that may be to blame themselves: it depends on whether another upstream serves them. */
  disputed: number;
}

/** Record of an upstream that has never failed. */
export function newOutlierRecord(): OutlierRecord {
  return { consecutiveFailures: 0, timesEjected: 0, ejectedUntilMs: Number.NEGATIVE_INFINITY, disputed: 0 };
}

/** Whether the upstream is out of rotation at `nowMs`. */
export function isEjected(record: OutlierRecord, nowMs: number): boolean {
  return nowMs < record.ejectedUntilMs;
}

/** Ends an ejection: an attempt that began during it, for want of other upstreams, succeeded. */
export function readmit(record: OutlierRecord, nowMs: number): void {
  record.ejectedUntilMs = Math.min(record.ejectedUntilMs, nowMs);
  record.consecutiveFailures = 0;
}

/**
 * Whether the failures that are disputed would eject the upstream. It is avoided until they are settled, which may take as long as
 * another upstream needs for its first token: one that fails at once has nothing in flight, and would attract all traffic until then.
 */
export function isSuspect(options: EjectionOptions, record: OutlierRecord): boolean {
  return record.disputed > 0 && record.consecutiveFailures + record.disputed >= options.consecutiveFailures;
}

/**
 * Records the outcome of one attempt; returns whether it ejects the upstream.
 *
 * The scheme is Envoy's "consecutive 5xx" outlier detection (docs: intro/arch_overview/upstream/outlier): ejection time =
 * base × times ejected, up to a maximum, plus up to 10 % of jitter so that gateways do not synchronize. One difference: a
 * returning upstream is on probation, where a single failure ejects it again until it has succeeded once.
 *
 * ```
 *  F F F ──ejected base── F ──ejected 2·base── S … in service for forgetMs: one ejection forgotten
 * ```
 *
 * Outcomes during an ejection are ignored; their attempts started before it.
 * @param all records of every upstream, this one included
 */
export function recordOutcome(
  options: EjectionOptions,
  record: OutlierRecord,
  all: readonly OutlierRecord[],
  success: boolean,
  nowMs: number,
  random: Random,
): boolean {
  if (isEjected(record, nowMs)) return false;
  if (success) {
    record.consecutiveFailures = 0;
    return false;
  }
  record.consecutiveFailures += 1;
  if (record.consecutiveFailures < options.consecutiveFailures || !mayEject(options, all, nowMs)) return false;
  forgetEarlierEjections(options, record, nowMs);
  const maxTimes = Math.ceil(options.maxMs / options.baseMs);
  record.timesEjected = Math.min(record.timesEjected + 1, maxTimes);
  const durationMs = Math.min(options.maxMs, options.baseMs * record.timesEjected);
  record.ejectedUntilMs = nowMs + durationMs * (1 + 0.1 * random.next());
  record.consecutiveFailures = options.consecutiveFailures - 1;
  return true;
}

function mayEject(options: EjectionOptions, all: readonly OutlierRecord[], nowMs: number): boolean {
  const limit = maxEjected(all.length, options.maxEjectedRatio);
  return all.filter(other => isEjected(other, nowMs)).length < limit;
}

/** How many of `count` upstreams may be out at once: `ratio` of them, rounded down, but at least one of several. */
export function maxEjected(count: number, ratio: number): number {
  return count > 1 ? Math.max(1, Math.floor(count * ratio)) : 0;
}

function forgetEarlierEjections(options: EjectionOptions, record: OutlierRecord, nowMs: number): void {
  const forgotten = Math.floor((nowMs - record.ejectedUntilMs) / options.forgetMs);
  record.timesEjected = Math.max(0, record.timesEjected - forgotten);
}
