import type { Dashboard } from './grafana.ts';

/** What the recording rules of the stack compute, and its alerts: the first page to look at. */
export const overview: Dashboard = {
  name: 'overview',
  description: 'Rate, errors and duration of the service, saturation of its engines, and what fires.',
  rows: [
    [
      'Service',
      ['Requests', 'reqps', ['{{job}}', 'job:gateway_requests:rate']],
      ['Errors', 'percentunit', ['{{job}}', 'job:gateway_errors:ratio']],
      [
        'P99',
        's',
        ['first byte of streams', 'job:gateway_time_to_first_byte_seconds:p99'],
        ['whole response', 'job:gateway_request_duration_seconds:p99'],
        ['first token of {{model_name}}', 'model:vllm_time_to_first_token_seconds:p99'],
      ],
      [
        'Alerts that fire',
        'short',
        ['{{severity}} {{alertname}}', 'count by (severity, alertname) (ALERTS{alertstate="firing"})'],
      ],
      ['Replicas that are down', 'short', ['{{job}}', 'sum by (job) (1 - up)']],
      ['Retries', 'cps', ['{{job}}', 'job:gateway_retries:rate']],
    ],
    [
      'Engines',
      [
        'Requests in engines',
        'short',
        ['waiting for {{model_name}}', 'model:vllm_requests_waiting:sum'],
        ['running on {{model_name}}', 'model:vllm_requests_running:sum'],
      ],
      ['Tokens generated per second', 'short', ['{{model_name}}', 'model:vllm_generation_tokens:rate']],
      [
        'Memory in use',
        'percentunit',
        ['KV cache of the fullest engine of {{model_name}}', 'model:vllm_kv_cache_usage:max'],
        ['GPU {{gpu}} of {{replica}}', 'gpu:memory_used:ratio'],
      ],
    ],
  ],
};
