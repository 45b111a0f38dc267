import type { PrometheusOptions } from './options.ts';

/** Window of rates before scaling. */
const RATE_MS = 60_000;
/** Minimum scrapes in a window, so that a rate has a value despite a lost scrape. */
const MIN_SCRAPES_PER_RATE = 4;

/**
 * Durations of a stack in ms, divided by `timeScale`; `rateMs` is the window of rates and quantiles. Windows are at least four
 * scrapes long, even if scaling would make them shorter, since rates would otherwise have no value.
 */
export function ruleTimes({ alerts, scrapeEveryMs }: PrometheusOptions, timeScale: number) {
  const scaled = (ms: number) => Math.round(ms / timeScale);
  const minMs = MIN_SCRAPES_PER_RATE * scrapeEveryMs;
  return {
    rateMs: Math.max(minMs, scaled(RATE_MS)),
    errorMs: Math.max(minMs, scaled(alerts.errorOverMs)),
    p99ForMs: scaled(alerts.p99ForMs),
    sustainedMs: scaled(alerts.sustainedMs),
  };
}

/** Rate, errors and duration at the gateway; queue and saturation of the engines. Named `level:metric:operation`. */
export function recordingRules(times: ReturnType<typeof ruleTimes>) {
  const over = `[${times.rateMs}ms]`;
  const p99 = (histogram: string, by: string, selector = '') =>
    `histogram_quantile(0.99, sum by (${by}, le) (rate(${histogram}_bucket${selector}${over})))`;
  return {
    name: 'squall-recording',
    rules: [
      { record: 'job:gateway_requests:rate', expr: `sum by (job) (rate(gateway_requests_total${over}))` },
      { record: 'job:gateway_errors:ratio', expr: errorRatio(times.errorMs) },
      // The first byte of a streamed response is its first token; unstreamed ones are generated in full before it.
      {
        record: 'job:gateway_time_to_first_byte_seconds:p99',
        expr: p99('gateway_time_to_first_byte_seconds', 'job', '{stream="true"}'),
      },
      { record: 'job:gateway_request_duration_seconds:p99', expr: p99('gateway_request_duration_seconds', 'job') },
      { record: 'job:gateway_retries:rate', expr: `sum by (job) (rate(gateway_retries_total${over}))` },
      {
        record: 'model:vllm_time_to_first_token_seconds:p99',
        expr: p99('vllm:time_to_first_token_seconds', 'model_name'),
      },
      { record: 'model:vllm_requests_waiting:sum', expr: 'sum by (model_name) (vllm:num_requests_waiting)' },
      { record: 'model:vllm_requests_running:sum', expr: 'sum by (model_name) (vllm:num_requests_running)' },
      { record: 'model:vllm_kv_cache_usage:max', expr: 'max by (model_name) (vllm:kv_cache_usage_perc)' },
      {
        record: 'model:vllm_generation_tokens:rate',
        expr: `sum by (model_name) (rate(vllm:generation_tokens_total${over}))`,
      },
      { record: 'gpu:memory_used:ratio', expr: 'DCGM_FI_DEV_FB_USED / (DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_FB_FREE)' },
    ],
  };
}

/** Alerts, each firing once its expression has had a result for the duration `for`. Expressions use recorded series, so that dashboards show the evaluated values. */
export function alertRules({ alerts }: PrometheusOptions, times: ReturnType<typeof ruleTimes>) {
  const { p99LatencyMs, errorPercent, gpuMemoryPercent, queueWarning, queueCritical } = alerts;
  const alert = (name: string, severity: string, expr: string, forMs: number, summary: string) => ({
    alert: name,
    expr,
    for: `${forMs}ms`,
    labels: { severity },
    annotations: { summary },
  });
  const queue = (name: string, severity: string, limit: number) =>
    alert(
      name,
      severity,
      `model:vllm_requests_waiting:sum > ${limit}`,
      times.sustainedMs,
      `{{ $value }} requests are waiting for {{ $labels.model_name }}, more than ${limit}`,
    );
  return {
    name: 'squall-alerts',
    rules: [
      alert(
        'HighP99Latency',
        'critical',
        `job:gateway_time_to_first_byte_seconds:p99 > ${p99LatencyMs / 1000}`,
        times.p99ForMs,
        `P99 time to first byte is {{ $value | humanizeDuration }}, more than ${p99LatencyMs} ms`,
      ),
      // Without `for`, since the window of the ratio is the alert's duration.
      alert(
        'HighErrorRate',
        'critical',
        `job:gateway_errors:ratio > ${errorPercent / 100}`,
        0,
        `{{ $value | humanizePercentage }} of responses are errors, more than ${errorPercent} %`,
      ),
      alert(
        'GpuMemoryHigh',
        'warning',
        `gpu:memory_used:ratio > ${gpuMemoryPercent / 100}`,
        times.sustainedMs,
        `GPU {{ $labels.gpu }} of {{ $labels.replica }} has {{ $value | humanizePercentage }} of its memory in use`,
      ),
      queue('QueueLong', 'warning', queueWarning),
      queue('QueueCritical', 'critical', queueCritical),
      alert('TargetDown', 'critical', 'up == 0', times.sustainedMs, 'Scrapes of {{ $labels.replica }} fail'),
    ],
  };
}

/** Error ratio by job: 0 for a job without errors, no value for one without requests. */
function errorRatio(overMs: number): string {
  const rate = (selector: string) => `sum by (job) (rate(gateway_requests_total${selector}[${overMs}ms]))`;
  return `(${rate('{status=~"5.."}')} or 0 * ${rate('')}) / (${rate('')} > 0)`;
}
