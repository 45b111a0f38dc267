import type { Metric, Readings } from '../../harness/metrics.ts';
import type { ExposedSample } from './exposition.ts';

/** Conversion of the series of one name into readings. */
interface KeptSeries {
  readonly metric: Metric;
  /** A further metric to which its values count. */
  readonly also?: Metric;
  /** Label of the series that count to that metric. @default all do */
  readonly alsoOnly?: string;
  /** Name of the series that has the same values where a version exports both. */
  readonly supersededBy?: string;
  /** Aggregation over several series of one replica, such as engines, GPUs, upstreams or reasons. */
  readonly fold: 'sum' | 'max';
  /** Labels of series that do not count. */
  readonly except?: string;
  /** Multiplies the exposed value. */
  readonly factor?: number;
  readonly decimals?: number;
}

/**
 * Series that are kept, by name: those of the engines and gateways of `docs/metrics.md`, which names their sources, of NVIDIA's
 * dcgm-exporter, of Squall's gateway, and of processes.
 */
export const KEPT_SERIES: Readonly<Record<string, KeptSeries>> = {
  'vllm:num_requests_waiting': { metric: 'queue', fold: 'sum' },
  'vllm:num_requests_running': { metric: 'running', fold: 'sum' },
  'vllm:kv_cache_usage_perc': { metric: 'kvRatio', fold: 'max', decimals: 4 },
  'vllm:gpu_cache_usage_perc': { metric: 'kvRatio', fold: 'max', decimals: 4 },
  'vllm:num_preemptions_total': { metric: 'preemptions', fold: 'sum' },
  'vllm:prefix_cache_queries_total': { metric: 'cacheQueries', fold: 'sum' },
  'vllm:prefix_cache_hits_total': { metric: 'cacheHits', fold: 'sum' },
  'vllm:gpu_prefix_cache_queries_total': {
    ...{ metric: 'cacheQueries', fold: 'sum' },
    supersededBy: 'vllm:prefix_cache_queries_total',
  },
  'vllm:gpu_prefix_cache_hits_total': {
    ...{ metric: 'cacheHits', fold: 'sum' },
    supersededBy: 'vllm:prefix_cache_hits_total',
  },
  'vllm:gpu_prefix_cache_hit_rate': { metric: 'cacheHitRatio', fold: 'max', decimals: 4 },
  'sglang:num_queue_reqs': { metric: 'queue', fold: 'sum' },
  'sglang:num_running_reqs': { metric: 'running', fold: 'sum' },
  'sglang:token_usage': { metric: 'kvRatio', fold: 'max', decimals: 4 },
  'sglang:prompt_tokens_total': { metric: 'cacheQueries', fold: 'sum' },
  'sglang:cached_tokens_total': { metric: 'cacheHits', fold: 'sum' },
  'sglang:cache_hit_rate': { metric: 'cacheHitRatio', fold: 'max', decimals: 4 },
  'llamacpp:requests_deferred': { metric: 'queue', fold: 'sum' },
  'llamacpp:requests_processing': { metric: 'running', fold: 'sum' },
  'llamacpp:kv_cache_usage_ratio': { metric: 'kvRatio', fold: 'max', decimals: 4 },
  // It counts only tokens that were not found in the cache.
  'llamacpp:prompt_tokens_total': { metric: 'cacheQueries', fold: 'sum' },
  'llamacpp:prompt_tokens_cached_total': { metric: 'cacheHits', also: 'cacheQueries', fold: 'sum' },
  tgi_queue_size: { metric: 'queue', fold: 'sum' },
  tgi_batch_current_size: { metric: 'running', fold: 'sum' },
  litellm_in_flight_requests: { metric: 'inFlight', fold: 'sum' },
  DCGM_FI_DEV_GPU_UTIL: { metric: 'gpuPercent', fold: 'max', decimals: 1 },
  // All that there is on a part of a GPU (MIG).
  DCGM_FI_PROF_GR_ENGINE_ACTIVE: {
    ...{ metric: 'gpuPercent', fold: 'max', factor: 100, decimals: 1 },
    supersededBy: 'DCGM_FI_DEV_GPU_UTIL',
  },
  DCGM_FI_DEV_FB_USED: { metric: 'gpuUsedMiB', fold: 'sum' },
  DCGM_FI_DEV_FB_FREE: { metric: 'gpuFreeMiB', fold: 'sum' },
  gateway_requests_in_flight: { metric: 'inFlight', fold: 'sum' },
  gateway_retries_total: { metric: 'retries', fold: 'sum' },
  gateway_ejections_total: { metric: 'ejections', fold: 'sum' },
  gateway_breakers_open: { metric: 'openBreakers', fold: 'sum' },
  gateway_zombies: { metric: 'zombies', fold: 'sum' },
  gateway_version_rollbacks_total: {
    ...{ metric: 'rollbacks', fold: 'sum' },
    ...{ also: 'slowRollbacks', alsoOnly: 'slo="ttft"' },
  },
  gateway_cache_requests_total: {
    ...{ metric: 'responseQueries', fold: 'sum' },
    ...{ also: 'responseHits', alsoOnly: 'result="hit"' },
  },
  // Closing an idle connection defends nothing.
  gateway_connections_closed_total: { metric: 'forcedCloses', fold: 'sum', except: 'reason="idle"' },
  process_resident_memory_bytes: { metric: 'memoryMiB', fold: 'max', factor: 2 ** -20, decimals: 2 },
};

/** Names of {@link KEPT_SERIES} that services of a stack export. */
export const OWN_SERIES = Object.keys(KEPT_SERIES).filter(name =>
  /^(?:vllm:(?!gpu_)|DCGM_|gateway_|process_)/.test(name),
);

/** Engines whose names have a colon, which Ray and some collectors turn into an underscore; Ray also puts a prefix before it. */
const RENAMED = /^(?:ray_)?(vllm|sglang|llamacpp)[_:]/;

function originalName(name: string): string {
  return Object.hasOwn(KEPT_SERIES, name) ? name : name.replace(RENAMED, '$1:');
}

/** Whether a series is kept. */
export function isKept(name: string): boolean {
  return Object.hasOwn(KEPT_SERIES, originalName(name));
}

/** Readings of one replica from its samples at one instant. Metrics without a sample are absent. */
export function readingsOf(samples: Iterable<ExposedSample>): Readings {
  const kept = [...samples].map(sample => ({ ...sample, name: originalName(sample.name) }));
  const names = new Set(kept.map(({ name }) => name));
  const readings: { -readonly [M in Metric]?: number } = {};
  for (const { name, labels, value } of kept) {
    const series = Object.hasOwn(KEPT_SERIES, name) ? KEPT_SERIES[name] : undefined;
    if (!series || names.has(series.supersededBy ?? '') || (series.except && labels.includes(series.except))) continue;
    const { metric, also, alsoOnly = '', fold, factor = 1, decimals = 3 } = series;
    for (const target of also && labels.includes(alsoOnly) ? [metric, also] : [metric]) {
      const before = readings[target];
      const now = value * factor;
      const folded = before === undefined ? now : fold === 'sum' ? before + now : Math.max(before, now);
      readings[target] = Number(folded.toFixed(decimals));
    }
  }
  return readings;
}
