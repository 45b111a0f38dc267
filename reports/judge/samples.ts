import { gapOfBucketMs, latencyMs, type RequestRecord, timeToFirstTokenMs } from '../../harness/requests.ts';
import { formatPercent, rounded } from '../rounding.ts';
import type { Quantiles } from '../store/run-document.ts';
import { nearestRank, quantileRanks } from './statistics.ts';

/** Latencies of a request: time to first token, gap between tokens, and end-to-end latency. */
export const LATENCIES = ['ttft', 'itl', 'latency'] as const;
/** One of {@link LATENCIES}. */
export type LatencyMetric = (typeof LATENCIES)[number];

/** Ordered sample of latencies. */
export interface Samples {
  /**
   * Number of samples that can be treated as independent. Gaps between the tokens of one response cannot: they share its batch,
   * replica and time, so a thousand gaps of one stalled stream are a single piece of evidence. For gaps this is therefore the
   * number of requests, with which the bounds are exact if all gaps of a request are equal, and too wide otherwise.
   */
  readonly independent: number;
  readonly total: number;
  /** Empirical quantile in ms by nearest rank, for 0 < `q` ≤ 1; null without samples. */
  at(q: number): number | null;
}

/** Samples of a metric over requests; a request that failed too early for the metric yields none. */
export function samplesOf(metric: LatencyMetric, requests: readonly RequestRecord[]): Samples {
  if (metric === 'itl') return gapSamples(requests);
  return valueSamples(requests.map(metric === 'ttft' ? timeToFirstTokenMs : latencyMs).filter(value => value !== null));
}

const SAMPLES: Readonly<Record<LatencyMetric, string>> = {
  ttft: 'a first token',
  itl: 'a gap between tokens',
  latency: 'a complete response',
};

/** Sentence on how many requests yield no sample; empty for none. */
export function withoutSample(metric: LatencyMetric, requests: readonly RequestRecord[]): string {
  const missing = requests.length - samplesOf(metric, requests).independent;
  if (missing === 0) return '';
  return ` ${missing} of ${requests.length} requests (${formatPercent(missing, requests.length)}) failed or ended without ${SAMPLES[metric]} and are not included.`;
}

/** Percentile of a name such as `p99.9`; null for any other name. */
export function percentileOf(name: string): number | null {
  const digits = /^p(\d+(?:\.\d+)?)$/.exec(name)?.[1];
  return digits === undefined ? null : Number(digits);
}

/** Quantile and its bounds in ms, each valid on its own at a level; null where there are too few samples. */
export interface QuantileEstimate {
  readonly measured: number | null;
  readonly lower: number | null;
  readonly upper: number | null;
  /** Number of independent samples. */
  readonly samples: number;
}

/**
 * The q-quantile of a metric with its distribution-free bounds. The ranks follow from the number of independent samples; for gaps,
 * of which one request yields many, they are applied to the pooled gaps as quantiles (rank u of n is the quantile u/n).
 */
export function quantileEstimate(
  metric: LatencyMetric,
  requests: readonly RequestRecord[],
  q: number,
  level?: number,
): QuantileEstimate {
  const samples = samplesOf(metric, requests);
  const count = samples.independent;
  const ranks = quantileRanks(count, q, level);
  const at = (rank: number | null) => (rank === null ? null : samples.at(rank / count));
  return { measured: samples.at(q), lower: at(ranks.lower), upper: at(ranks.upper), samples: count };
}

/** Samples of values in ms, given in any order. */
export function valueSamples(values: readonly number[]): Samples {
  const sorted = Float64Array.from(values).sort();
  return {
    independent: sorted.length,
    total: sorted.length,
    at: q => sorted[nearestRank(sorted.length, q) - 1] ?? null,
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
