import {
  gapOfBucketMs,
  latencyMs,
  type RequestRecord,
  type Requests,
  timePerOutputTokenMs,
  timeToFirstTokenMs,
} from '../../harness/requests.ts';
import { rounded } from '../rounding.ts';
import type { Columns } from '../store/requests/chunk-columns.ts';
import type { Quantiles } from '../store/run-document.ts';
import { selected } from './folds/selected.ts';
import { Sketch } from './folds/sketch.ts';
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
export function samplesOf(metric: LatencyMetric, requests: Requests): Samples {
  const samples = KNOWN.get(requests)?.get(metric) ?? collected(metric, requests);
  knowSamples(metric, requests, samples);
  return samples;
}

/** Makes samples known that were collected elsewhere: those of a metric over the requests that have it. */
export function knowSamples(metric: LatencyMetric, requests: Requests, samples: Samples): void {
  const known = KNOWN.get(requests) ?? new Map<LatencyMetric, Samples>();
  KNOWN.set(requests, known.set(metric, samples));
}

/** Samples that have been collected, since windows, curves and several SLOs look at the same ones. */
const KNOWN = new WeakMap<Requests, Map<LatencyMetric, Samples>>();

function collected(metric: LatencyMetric, requests: Requests): Samples {
  if (metric === 'itl') {
    const gaps = new GapCollector();
    requests.forEach(request => {
      gaps.add(request.gaps);
    });
    return gaps.samples();
  }
  const values = new ValueCollector();
  const measure = VALUES[metric];
  requests.forEach(request => {
    const value = measure(request);
    if (value !== null) values.add(value);
  });
  return values.samples();
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

/** Number of values up to which they are kept, and quantiles are exact; beyond it they are counted in a {@link Sketch}. */
export const MAX_KEPT = 2 ** 18;

/** Collects values one by one, in memory that does not grow with their number. */
export class ValueCollector {
  #values = new Float64Array(64);
  #count = 0;
  #sketch: Sketch | undefined;

  add(value: number): void {
    if (this.#sketch) {
      this.#sketch.add(value);
      return;
    }
    if (this.#count === this.#values.length) this.#grow();
    this.#values[this.#count] = value;
    this.#count += 1;
    if (this.#count > MAX_KEPT) this.#counted();
  }

  /** Adds some of the values, but not those that are NaN. */
  addRows(values: Float64Array, from: number, to: number): void {
    for (let row = from; row < to; row += 1) if (!Number.isNaN(values[row])) this.add(values[row]!);
  }

  /** Adds the values of another one. */
  merge(other: ValueCollector): void {
    if (other.#sketch) (this.#sketch ?? this.#counted()).merge(other.#sketch);
    else this.addRows(other.#values, 0, other.#count);
  }

  /** Forgets all values. */
  clear(): void {
    this.#count = 0;
    this.#sketch = undefined;
    if (this.#values.length === 0) this.#values = new Float64Array(64);
  }

  #counted(): Sketch {
    this.#sketch = new Sketch();
    this.addRows(this.#values, 0, this.#count);
    [this.#values, this.#count] = [new Float64Array(), 0];
    return this.#sketch;
  }

  samples(): Samples {
    if (this.#sketch) {
      const { total, at } = this.#sketch.ranked();
      return { independent: total, total, at: q => at(nearestRank(total, q)) };
    }
    const sorted = this.#values.slice(0, this.#count).sort();
    return {
      independent: sorted.length,
      total: sorted.length,
      at: q => sorted[nearestRank(sorted.length, q) - 1] ?? null,
    };
  }

  /** Some quantiles of the values, as `samples` has them: faster than these, for a few. @param qs ascending */
  quantiles(qs: readonly number[]): (number | null)[] {
    if (this.#sketch || this.#count === 0) return qs.map(this.samples().at);
    const values = this.#values.subarray(0, this.#count);
    let from = 0;
    return qs.map(q => {
      const at = nearestRank(this.#count, q) - 1;
      const value = selected(values, from, at);
      from = at;
      return value;
    });
  }

  #grow(): void {
    const grown = new Float64Array(2 * this.#values.length);
    grown.set(this.#values);
    this.#values = grown;
  }
}

/** Samples of values, given in any order. */
export function valueSamples(values: Iterable<number>): Samples {
  const collector = new ValueCollector();
  for (const value of values) collector.add(value);
  return collector.samples();
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

/** Bucket in which all longer gaps count, too; none lasts that long. */
const MAX_BUCKET = 4095;

/** Collects the gaps of requests: merging their histograms is exact, within the ±1 % of a bucket. */
export class GapCollector {
  /** By bucket. */
  #counts = new Float64Array(512);
  #independent = 0;
  #total = 0;

  /** Adds those of a request. */
  add(gaps: readonly number[]): void {
    if (gaps.length > 0) this.#independent += 1;
    for (let i = 0; i + 1 < gaps.length; i += 2) this.#count(gaps[i]!, gaps[i + 1]!);
  }

  /** Adds those of the requests of some rows. */
  addRows(columns: Columns, from: number, to: number): void {
    const { starts, lengths, elements } = columns.lists('gaps');
    for (let row = from; row < to; row += 1) {
      const length = lengths[row]!;
      if (length > 0) this.#independent += 1;
      const end = starts[row]! + length - 1;
      for (let at = starts[row]!; at < end; at += 2) this.#count(elements[at]!, elements[at + 1]!);
    }
  }

  #count(bucket: number, count: number): void {
    if (bucket >= this.#counts.length) this.#grow(bucket);
    this.#counts[Math.min(bucket, MAX_BUCKET)]! += count;
    this.#total += count;
  }

  /** Adds those of the requests of another one. */
  merge(other: GapCollector): void {
    this.#independent += other.#independent;
    this.#total += other.#total;
    if (other.#counts.length > this.#counts.length) this.#grow(other.#counts.length - 1);
    for (let bucket = 0; bucket < other.#counts.length; bucket += 1) this.#counts[bucket]! += other.#counts[bucket]!;
  }

  /** Forgets all gaps. */
  clear(): void {
    this.#counts.fill(0);
    [this.#independent, this.#total] = [0, 0];
  }

  samples(): Samples {
    const [counts, total] = [this.#counts.slice(), this.#total];
    return { independent: this.#independent, total, at: q => gapAt(counts, nearestRank(total, q)) };
  }

  #grow(bucket: number): void {
    const grown = new Float64Array(Math.min(MAX_BUCKET + 1, Math.max(2 * this.#counts.length, bucket + 1)));
    grown.set(this.#counts);
    this.#counts = grown;
  }
}

/** The gap at a rank of buckets, in ms; null without any. */
function gapAt(counts: Float64Array, rank: number): number | null {
  let left = rank;
  for (let bucket = 0; bucket < counts.length; bucket += 1) {
    const count = counts[bucket]!;
    left -= count;
    if (count > 0 && left <= 0) return gapOfBucketMs(bucket);
  }
  return null;
}
