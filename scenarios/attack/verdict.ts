import { nearestRank, quantileRanks, ratioBounds, samplesForUpperBound } from '../../reports/judge/statistics.ts';
import { isGood, latencyOf, type VictimRecord } from './victim.ts';

/** What an attack showed of its target. */
export type AttackVerdict = 'defended' | 'degraded' | 'down' | 'inconclusive';

/** From where on ordinary clients count as hurt. */
export interface Thresholds {
  /** Most failed requests during the attack, 0–1. @default 0.05 */
  readonly maxErrorRatio: number;
  /** From this share of failed requests on the target is down, 0–1. @default 0.5 */
  readonly downErrorRatio: number;
  /** The quantile of latency may be this many times what it was before. @default 3 */
  readonly maxSlowdown: number;
  /** It may always be this much more than before, in ms, for three times very little is little. @default 250 */
  readonly slackMs: number;
}

/** {@link Thresholds} unless told otherwise. */
export const DEFAULT_THRESHOLDS: Thresholds = {
  maxErrorRatio: 0.05,
  downErrorRatio: 0.5,
  maxSlowdown: 3,
  slackMs: 250,
};

/** An ordinary client's lot in one phase. */
export interface PhaseFigures {
  readonly requests: number;
  readonly failed: number;
  readonly errorRatio: number;
  /** Bounds of the true ratio, each at 95 % (Clopper–Pearson). */
  readonly errorBounds: { readonly lower: number; readonly upper: number };
  /** What answers and failures were, with how often. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Which quantile the number of requests carries: the highest of 0.99, 0.95, 0.9 that has an upper bound; null if none has. */
  readonly quantile: number | null;
  /** That quantile of the latency from the schedule, failed requests counted with what they took, in ms. */
  readonly latencyMs: number | null;
  /** Its bounds, each at 95 %, without an assumption about the distribution. */
  readonly latencyBounds: { readonly lower: number; readonly upper: number } | null;
  readonly p50Ms: number | null;
  /** How late the probe itself was, P99 in ms. */
  readonly lateMs: number;
}

/** A verdict and the sentence that explains it. */
export interface Judgement {
  readonly verdict: AttackVerdict;
  readonly reason: string;
}

const QUANTILES = [0.99, 0.95, 0.9];
/** A baseline with more failures than this is none. */
const HEALTHY_ERROR_RATIO = 0.05;
/** A probe that was itself this late, P99 in ms, cannot blame the target. */
const LATE_MS = 250;

/** The highest of 0.99, 0.95, 0.9 that so many requests carry; null if none. */
export function quantileFor(requests: number): number | null {
  return QUANTILES.find(q => requests >= samplesForUpperBound(q)) ?? null;
}

/** Folds a phase's records. Pure. @param quantile @default the highest that they carry */
export function figuresOf(
  records: readonly VictimRecord[],
  quantile: number | null = quantileFor(records.length),
): PhaseFigures {
  const failed = records.filter(record => !isGood(record)).length;
  const latencies = records.map(latencyOf).sort((a, b) => a - b);
  const late = records.map(({ sentMs, scheduledMs }) => sentMs - scheduledMs).sort((a, b) => a - b);
  const outcomes: Record<string, number> = {};
  for (const { outcome } of records) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  return {
    requests: records.length,
    failed,
    errorRatio: records.length === 0 ? 0 : failed / records.length,
    errorBounds: ratioBounds(failed, records.length),
    outcomes,
    quantile,
    latencyMs: quantile === null ? null : latencies[nearestRank(latencies.length, quantile) - 1]!,
    latencyBounds: quantile === null ? null : boundsOf(latencies, quantile),
    p50Ms: latencies[nearestRank(latencies.length, 0.5) - 1] ?? null,
    lateMs: late[nearestRank(late.length, 0.99) - 1] ?? 0,
  };
}

/**
 * Judges what happened to ordinary clients: `down` and `degraded` when the lower confidence bound is beyond a threshold,
 * `defended` when every upper bound is within, `inconclusive` in between, and when a phase cannot tell. Both phases' figures are to be of one
 * quantile. Pure.
 *
 * ```
 * errors   0 ───── maxErrorRatio ───────────── downErrorRatio ─── 1
 *           defended     │        degraded            │    down
 * ```
 */
export function judgeAttack(before: PhaseFigures, during: PhaseFigures, thresholds: Thresholds): Judgement {
  const { maxErrorRatio, downErrorRatio, maxSlowdown, slackMs } = thresholds;
  const inconclusive = (reason: string): Judgement => ({ verdict: 'inconclusive', reason });
  if (before.errorRatio > HEALTHY_ERROR_RATIO)
    return inconclusive(`before the attack ${percent(before.errorRatio)} of ordinary requests failed already`);
  const { errorBounds } = during;
  const errors = `${during.failed} of ${during.requests} ordinary requests failed (${percent(errorBounds.lower)} – ${percent(errorBounds.upper)} at 95 % each)`;
  if (errorBounds.lower > downErrorRatio) return { verdict: 'down', reason: errors };
  if (errorBounds.lower > maxErrorRatio) return { verdict: 'degraded', reason: errors };
  if (before.quantile === null || before.quantile !== during.quantile || before.latencyMs === null)
    return inconclusive('too few ordinary requests for a quantile of both phases: P99 needs 299, P90 needs 29');
  const bounds = during.latencyBounds!;
  const limitMs = Math.max(before.latencyMs * maxSlowdown, before.latencyMs + slackMs);
  const latency = `P${100 * during.quantile!} ${ms(during.latencyMs!)} (${ms(bounds.lower)} – ${ms(bounds.upper)}), ${ms(before.latencyMs)} before, limit ${ms(limitMs)}`;
  if (bounds.lower > limitMs) {
    if (during.lateMs > LATE_MS) return inconclusive(`${latency}; but the probe itself was ${ms(during.lateMs)} late`);
    return { verdict: 'degraded', reason: latency };
  }
  if (errorBounds.upper > maxErrorRatio)
    return inconclusive(`${errors}: not enough to tell from ${percent(maxErrorRatio)}`);
  if (bounds.upper > limitMs) return inconclusive(`${latency}: not enough to tell`);
  return { verdict: 'defended', reason: `${errors}; ${latency}` };
}

function boundsOf(sorted: readonly number[], quantile: number): { lower: number; upper: number } {
  const { lower, upper } = quantileRanks(sorted.length, quantile);
  return {
    lower: lower === null ? 0 : sorted[lower - 1]!,
    upper: upper === null ? Number.POSITIVE_INFINITY : sorted[upper - 1]!,
  };
}

/** A ratio for people. */
export function percent(ratio: number): string {
  return `${Number((100 * ratio).toPrecision(3))} %`;
}

function ms(value: number): string {
  return `${Number(value.toPrecision(3))} ms`;
}
