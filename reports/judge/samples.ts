import {
  gapOfBucketMs,
  latencyMs,
  type RequestRecord,
  timePerOutputTokenMs,
  timeToFirstTokenMs,
} from '../../harness/requests.ts';
import { rounded } from '../rounding.ts';
import type { Quantiles } from '../store/run-document.ts';
import { nearestRank, quantileRanks } from './statistics.ts';

/** Latencies of a request: time to first token, gap between tokens, time per output token, and end-to-end latency. */
export const LATENCIES = ['ttft', 'itl', 'tpot', 'latency'] as const;
/** One of {@link LATENCIES}. */
export type LatencyMetric = (typeof LATENCIES)[number];

/** Ordered sample of values. */
export interface Samples {
  /**
   * Number of samples that can be treated as independent. Gaps between the tokens of one response cannot: they share its batch,
   * replica and time, so a thousand gaps of one stalled stream are a single piece of evidence. For gaps this is therefore the
   * number of requests, with which the bounds are exact if all gaps of a request are equal, and too wide otherwise.
   */
  readonly independent: number;
  readonly total: number;
  /** Empirical quantile by nearest rank, for 0 < `q` ≤ 1; null without samples. */
  at(q: number): number | null;
}

/** Value of a request in ms, by metric; null where it has none. */
export const VALUES: Readonly<Record<Exclude<LatencyMetric, 'itl'>, (record: RequestRecord) => number | null>> = {
  ttft: timeToFirstTokenMs,
  tpot: timePerOutputTokenMs,
  latency: latencyMs,
};

/** Samples of a metric over the requests that have it, in ms. */
export function samplesOf(metric: LatencyMetric, requests: readonly RequestRecord[]): Samples {
  if (metric === 'itl') return gapSamples(requests);
  return valueSamples(requests.map(VALUES[metric]).filter(value => value !== null));
}

/** Whether a request has a value of a metric. */
export function hasValue(metric: LatencyMetric, request: RequestRecord): boolean {
  return metric === 'itl' ? request.gaps.length > 0 : VALUES[metric](request) !== null;
}

/** Percentile of a name such as `p99.9`; null for any other name. */
export function percentileOf(name: string): number | null {
  const digits = /^p(\d+(?:\.\d+)?)$/.exec(name)?.[1];
  return digits === undefined ? null : Number(digits);
}

/** Quantile and its bounds, each valid on its own at a level; null where there are too few samples. */
export interface QuantileEstimate {
  readonly measured: number | null;
  readonly lower: number | null;
  readonly upper: number | null;
  /** Number of independent samples. */
  readonly samples: number;
}

/**
 * The q-quantile of samples with its distribution-free bounds. The ranks follow from the number of independent samples; for gaps,
 * of which one request yields many, they are applied to the pooled gaps as quantiles (rank u of n is the quantile u/n). As order
 * statistics they hold for samples that are infinite, too.
 */
export function quantileEstimate(samples: Samples, q: number, level?: number): QuantileEstimate {
  const count = samples.independent;
  const ranks = quantileRanks(count, q, level);
  const at = (rank: number | null) => (rank === null ? null : samples.at(rank / count));
  return { measured: samples.at(q), lower: at(ranks.lower), upper: at(ranks.upper), samples: count };
}

/** Samples of values, given in any order. */
export function valueSamples(values: readonly number[]): Samples {
  const sorted = Float64Array.from(values).sort();
  return {
    independent: sorted.length,
    total: sorted.length,
    at: q => sorted[nearestRank(sorted.length, q) - 1] ?? null,
  };
}

/** Samples and a number of requests above all of them: each at infinity, with as many samples as the others have on average. */
export function withInfinite(samples: Samples, requests: number): Samples {
  if (requests === 0) return samples;
  const each = samples.independent === 0 ? 1 : samples.total / samples.independent;
  const total = samples.total + Math.ceil(requests * each);
  return {
    independent: samples.independent + requests,
    total,
    at: q => {
      const rank = nearestRank(total, q);
      return rank > samples.total ? Number.POSITIVE_INFINITY : samples.at(rank / samples.total);
    },
  };
}

/** Quantiles for a run document, in ms with microsecond resolution. */
export function quantilesOf(samples: Samples): Quantiles {
  const at = (q: number) => rounded(samples.at(q));
  return { p50: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99), p999: at(0.999), max: at(1) };
}

/** Samples of all gaps: merging the histograms is exact, within the ±1 % of a bucket. */
function gapSamples(requests: readonly RequestRecord[]): Samples {
  const counts = new Map<number, number>();
  let independent = 0;
  let total = 0;
  for (const { gaps } of requests) {
    if (gaps.length > 0) independent += 1;
    for (let i = 0; i + 1 < gaps.length; i += 2) {
      counts.set(gaps[i]!, (counts.get(gaps[i]!) ?? 0) + gaps[i + 1]!);
      total += gaps[i + 1]!;
    }
  }
  const buckets = [...counts].sort(([a], [b]) => a - b);
  return {
    independent,
    total,
    at: q => {
      let left = nearestRank(total, q);
      const bucket = buckets.find(([, count]) => {
        left -= count;
        return left <= 0;
      });
      return bucket ? gapOfBucketMs(bucket[0]) : null;
    },
  };
}
