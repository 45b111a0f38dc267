import type { Metric, Readings } from '../../harness/metrics.ts';
import type { ExposedSample } from './exposition.ts';

/** Conversion of the series of one name into a reading. */
interface KeptSeries {
  readonly metric: Metric;
  /** Aggregation over several series of one replica, such as engines, GPUs, upstreams or reasons. */
  readonly fold: 'sum' | 'max';
  /** Labels of series that do not count. */
  readonly except?: string;
  /** Multiplies the exposed value. */
  readonly factor?: number;
  readonly decimals?: number;
}

/** Series that are kept, by name: those of vLLM V1, NVIDIA's dcgm-exporter, the gateway and processes. */
export const KEPT_SERIES: Readonly<Record<string, KeptSeries>> = {
  'vllm:num_requests_waiting': { metric: 'queue', fold: 'sum' },
  'vllm:num_requests_running': { metric: 'running', fold: 'sum' },
  'vllm:kv_cache_usage_perc': { metric: 'kvRatio', fold: 'max', decimals: 4 },
  'vllm:num_preemptions_total': { metric: 'preemptions', fold: 'sum' },
  DCGM_FI_DEV_GPU_UTIL: { metric: 'gpuPercent', fold: 'max', decimals: 1 },
  DCGM_FI_DEV_FB_USED: { metric: 'gpuUsedMiB', fold: 'sum' },
  DCGM_FI_DEV_FB_FREE: { metric: 'gpuFreeMiB', fold: 'sum' },
  gateway_requests_in_flight: { metric: 'inFlight', fold: 'sum' },
  gateway_retries_total: { metric: 'retries', fold: 'sum' },
  gateway_ejections_total: { metric: 'ejections', fold: 'sum' },
  // Closing an idle connection defends nothing.
  gateway_connections_closed_total: { metric: 'forcedCloses', fold: 'sum', except: 'reason="idle"' },
  process_resident_memory_bytes: { metric: 'memoryMiB', fold: 'max', factor: 2 ** -20, decimals: 2 },
};

/** Whether a series is kept. */
export function isKept(name: string): boolean {
  return Object.hasOwn(KEPT_SERIES, name);
}

/** Readings of one replica from its samples at one instant. Metrics without a sample are absent. */
export function readingsOf(samples: Iterable<ExposedSample>): Readings {
  const readings: { -readonly [M in Metric]?: number } = {};
  for (const { name, labels, value } of samples) {
    const series = isKept(name) ? KEPT_SERIES[name] : undefined;
    if (!series || (series.except && labels.includes(series.except))) continue;
    const { metric, fold, factor = 1, decimals = 3 } = series;
    const before = readings[metric];
    const now = value * factor;
    const folded = before === undefined ? now : fold === 'sum' ? before + now : Math.max(before, now);
    readings[metric] = Number(folded.toFixed(decimals));
  }
  return readings;
}
