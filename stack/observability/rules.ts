import type { PrometheusOptions } from './options.ts';

/** One group of a rules file, as Prometheus reads it. */
export interface RuleGroup {
  readonly name: string;
  readonly rules: readonly (RecordingRule | AlertRule)[];
}

/** Computes a new series at every evaluation. */
export interface RecordingRule {
  readonly record: string;
  readonly expr: string;
}

/** Fires once its expression has yielded something for `for`. */
export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Durations of one stack, scaled and in ms. */
export interface RuleTimes {
  /** Over which rates and quantiles are taken. */
  readonly rateMs: number;
  readonly errorMs: number;
  readonly p99ForMs: number;
  readonly sustainedMs: number;
}

/** In life, rates are taken over a minute. */
const RATE_MS = 60_000;
/** Scrapes that a rate needs so that one lost scrape does not leave it without a value. */
const SCRAPES_OF_A_RATE = 4;

/**
 * The durations after division by `timeScale`. A rate is never taken over less than four scrapes, or it would have no value;
 * where that holds a window up, it is longer than the scale asks for.
 */
export function ruleTimes({ alerts, scrapeEveryMs }: PrometheusOptions, timeScale: number): RuleTimes {
  const scaled = (ms: number) => Math.round(ms / timeScale);
  const leastMs = SCRAPES_OF_A_RATE * scrapeEveryMs;
  return {
    rateMs: Math.max(leastMs, scaled(RATE_MS)),
    errorMs: Math.max(leastMs, scaled(alerts.errorOverMs)),
    p99ForMs: scaled(alerts.p99ForMs),
    sustainedMs: scaled(alerts.sustainedMs),
  };
}

/** Rate, errors and duration at the gateway; queue and saturation of the engines. Named `level:metric:operation`. */
export function recordingRules(times: RuleTimes): RuleGroup {
  const over = `[${times.rateMs}ms]`;
  const p99 = (histogram: string, by: string, selector = '') =>
    `histogram_quantile(0.99, sum by (${by}, le) (rate(${histogram}_bucket${selector}${over})))`;
  return {
    name: 'squall-recording',
    rules: [
      { record: 'job:gateway_requests:rate', expr: `sum by (job) (rate(gateway_requests_total${over}))` },
      { record: 'job:gateway_errors:ratio', expr: errorRatio(times.errorMs) },
      // The first byte of a streamed answer is its first token; of one in one piece it is the whole generation.
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

/** What must wake somebody up; every expression reads a recorded series, so a dashboard shows just what was judged. */
export function alertRules({ alerts }: PrometheusOptions, times: RuleTimes): RuleGroup {
  const { p99LatencyMs, errorPercent, gpuMemoryPercent, queueWarning, queueCritical } = alerts;
  const alert = (name: string, severity: string, expr: string, forMs: number, summary: string): AlertRule => ({
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
      `{{ $value }} requests wait for {{ $labels.model_name }}, more than ${limit}`,
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
      // Its window is the five minutes of the alert, so it needs no waiting of its own.
      alert(
        'HighErrorRate',
        'critical',
        `job:gateway_errors:ratio > ${errorPercent / 100}`,
        0,
        `{{ $value | humanizePercentage }} of answers are errors, more than ${errorPercent} %`,
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
      alert(
        'TargetDown',
        'critical',
        'up == 0',
        times.sustainedMs,
        '{{ $labels.replica }} does not answer its scrapes',
      ),
    ],
  };
}

/** A job without any error has no such series: it counts as 0. One without a request has no ratio at all. */
function errorRatio(overMs: number): string {
  const rate = (selector: string) => `sum by (job) (rate(gateway_requests_total${selector}[${overMs}ms]))`;
  return `(${rate('{status=~"5.."}')} or 0 * ${rate('')}) / (${rate('')} > 0)`;
}
