import type { Random } from '../../../harness/random.ts';

/** Numbers of passive outlier ejection. Ratios 0–1, durations in milliseconds. */
export interface EjectionOptions {
  /** Failures in a row that eject an upstream. */
  readonly consecutiveFailures: number;
  /** Length of the first ejection; the n-th in a row lasts n times as long. */
  readonly baseMs: number;
  /** Longest ejection. */
  readonly maxMs: number;
  /** Share of upstreams that may be out at once (rounded down, but at least one of several). */
  readonly maxEjectedRatio: number;
  /** Time in service after which one earlier ejection is forgotten. */
  readonly forgetMs: number;
}

/** What is remembered about one upstream. Create it with {@link newOutlierRecord}, change it with {@link recordOutcome}. */
export interface OutlierRecord {
  consecutiveFailures: number;
  /** How many ejections in a row, the multiplier of the next one. */
  timesEjected: number;
  /** End of the latest ejection, or −∞. */
  ejectedUntilMs: number;
}

/** The record of an upstream that has never failed. */
export function newOutlierRecord(): OutlierRecord {
  return { consecutiveFailures: 0, timesEjected: 0, ejectedUntilMs: Number.NEGATIVE_INFINITY };
}

/** Whether the upstream is out of rotation at `nowMs`. */
export function isEjected(record: OutlierRecord, nowMs: number): boolean {
  return nowMs < record.ejectedUntilMs;
}

/**
 * Feeds one real outcome; returns true when it ejects the upstream.
 *
 * The scheme is Envoy's "consecutive 5xx" outlier detection (docs: intro/arch_overview/upstream/outlier): ejection time =
 * base × times ejected, up to a maximum, with up to 10 % of jitter so that several gateways do not return in step.
 * One difference: an upstream that comes back is on probation, a single failure ejects it again until it succeeds once.
 *
 * ```
 *  F F F ──ejected base── F ──ejected 2·base── S … in service for forgetMs: one ejection forgotten
 * ```
 *
 * Outcomes of attempts that started before an ejection and end during it are ignored.
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
  const longest = Math.ceil(options.maxMs / options.baseMs);
  record.timesEjected = Math.min(record.timesEjected + 1, longest);
  const lengthMs = Math.min(options.maxMs, options.baseMs * record.timesEjected);
  record.ejectedUntilMs = nowMs + lengthMs * (1 + 0.1 * random.next());
  record.consecutiveFailures = options.consecutiveFailures - 1;
  return true;
}

function mayEject(options: EjectionOptions, all: readonly OutlierRecord[], nowMs: number): boolean {
  const limit = all.length > 1 ? Math.max(1, Math.floor(all.length * options.maxEjectedRatio)) : 0;
  return all.filter(other => isEjected(other, nowMs)).length < limit;
}

function forgetEarlierEjections(options: EjectionOptions, record: OutlierRecord, nowMs: number): void {
  const forgotten = Math.floor((nowMs - record.ejectedUntilMs) / options.forgetMs);
  record.timesEjected = Math.max(0, record.timesEjected - forgotten);
}
