import { gapOfBucketMs, latencyMs, type RequestRecord, timeToFirstTokenMs } from '../../harness/requests.ts';
import { formatPercent, rounded } from '../rounding.ts';
import type { Quantiles } from '../store/run-document.ts';
import { nearestRank, quantileRanks } from './statistics.ts';

/** Latencies of a request: time to first token, gaps between tokens, and the whole answer. */
export const LATENCIES = ['ttft', 'itl', 'latency'] as const;
/** One of {@link LATENCIES}. */
export type LatencyMetric = (typeof LATENCIES)[number];

/** An ordered sample of latencies. */
export interface Samples {
  /**
   * How many of them may be taken as independent. Gaps between the tokens of one answer are not: they share its batch, its
   * replica and its moment, so a thousand gaps of one stalled stream are one piece of evidence. For gaps this is therefore the
   * number of requests; with it the bounds are right if the gaps of a request are all alike, and too wide otherwise.
   */
  readonly independent: number;
  readonly total: number;
  /** The empirical quantile in ms by nearest rank, `q` above 0, at most 1; null without samples. */
  at(q: number): number | null;
}

/** The samples of a metric over some requests. A request that failed before it could yield one yields none. */
export function samplesOf(metric: LatencyMetric, requests: readonly RequestRecord[]): Samples {
  if (metric === 'itl') return gapSamples(requests);
  const measure = metric === 'ttft' ? timeToFirstTokenMs : latencyMs;
  return valueSamples(requests.map(measure).filter(value => value !== null));
}

/** Whether a request is in the samples of a metric at all. */
function yieldsSample(metric: LatencyMetric, request: RequestRecord): boolean {
  if (metric === 'itl') return request.gaps.length > 0;
  return (metric === 'ttft' ? timeToFirstTokenMs(request) : latencyMs(request)) !== null;
}

const SAMPLES: Readonly<Record<LatencyMetric, string>> = {
  ttft: 'a first token',
  itl: 'a gap between tokens',
  latency: 'a whole answer',
};

/** Says how many of the requests cannot be in the sample; empty for none. */
export function withoutSample(metric: LatencyMetric, requests: readonly RequestRecord[]): string {
  const missing = requests.filter(request => !yieldsSample(metric, request)).length;
  if (missing === 0) return '';
  return ` ${missing} of ${requests.length} requests (${formatPercent(missing, requests.length)}) failed or ended without ${SAMPLES[metric]} and are not in it.`;
}

/** The percentile that a name such as `p99.9` is for; null for any other name. */
export function percentileOf(name: string): number | null {
  const digits = /^p(\d+(?:\.\d+)?)$/.exec(name)?.[1];
  return digits === undefined ? null : Number(digits);
}

/** A quantile and its bounds in ms, each by itself at a level; null where there are too few samples for one. */
export interface QuantileEstimate {
  readonly measured: number | null;
  readonly lower: number | null;
  readonly upper: number | null;
  /** Independent ones. */
  readonly samples: number;
}

/**
 * The q-quantile of a metric with its distribution-free bounds. The ranks come from the number of independent samples; for gaps, of
 * which one request yields many, they are carried over to the pooled gaps as shares (rank u of n is the quantile u/n).
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

/** Samples of plain values in ms, in any order. */
export function valueSamples(values: readonly number[]): Samples {
  const sorted = Float64Array.from(values).sort();
  return {
    independent: sorted.length,
    total: sorted.length,
    at: q => sorted[nearestRank(sorted.length, q) - 1] ?? null,
  };
}

/** The quantiles that a run document shows, in ms to the microsecond. */
export function quantilesOf(samples: Samples): Quantiles {
  const at = (q: number) => rounded(samples.at(q));
  return { p50: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99), p999: at(0.999), max: at(1) };
}

/** Pools the gap histograms: merging buckets is exact, within the 1 % that a bucket itself is wide. */
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
