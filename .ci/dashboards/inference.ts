import { chosen, type Dashboard, p99, perSecond, quantiles, rate, rateBy, sumBy } from './grafana.ts';

const TIME = (phase: string) => `vllm:request_${phase}_time_seconds`;
const gpu = (metric: string, factor = '') =>
  ['{{replica}} GPU {{gpu}}', `max by (replica, gpu) (${chosen(metric)})${factor}`] as const;

/** Engines by the names of vLLM, and GPUs by those of DCGM: of the stack's simulators, and of real ones. */
export const inference: Dashboard = {
  name: 'inference',
  description: 'Latency, batch, cache and tokens of engines (metrics of vLLM), and their GPUs (metrics of DCGM).',
  choice: { label: 'replica', of: 'vllm:num_requests_running' },
  rows: [
    [
      'Latency',
      ['Time to first token', 's', ...quantiles('vllm:time_to_first_token_seconds')],
      ['Time between tokens', 's', ...quantiles('vllm:inter_token_latency_seconds')],
      ['Whole request', 's', ...quantiles('vllm:e2e_request_latency_seconds')],
      [
        'P99 of its parts',
        's',
        p99('queue', TIME('queue')),
        p99('prefill', TIME('prefill')),
        p99('decode', TIME('decode')),
        p99('prefill and decode', TIME('inference')),
      ],
      ['Time per output token of a request', 's', ...quantiles('vllm:request_time_per_output_token_seconds')],
      ['Requests by how they ended', 'reqps', rateBy('vllm:request_success_total', 'finished_reason')],
    ],
    [
      'Batch and cache',
      ['Requests waiting', 'short', sumBy('vllm:num_requests_waiting', 'replica')],
      ['Requests running', 'short', sumBy('vllm:num_requests_running', 'replica')],
      ['KV cache in use', 'percentunit', ['{{replica}}', `max by (replica) (${chosen('vllm:kv_cache_usage_perc')})`]],
      ['Preemptions', 'cps', rateBy('vllm:num_preemptions_total', 'replica')],
      [
        'Prefix cache',
        'percentunit',
        ['hits', `${perSecond('vllm:prefix_cache_hits_total')} / ${perSecond('vllm:prefix_cache_queries_total')}`],
      ],
      [
        'Tokens in a step',
        'short',
        ['mean', `${perSecond('vllm:iteration_tokens_total_sum')} / ${perSecond('vllm:iteration_tokens_total_count')}`],
      ],
    ],
    [
      'Tokens',
      [
        'Tokens per second',
        'short',
        rate('prompts', 'vllm:prompt_tokens_total'),
        rate('generated', 'vllm:generation_tokens_total'),
      ],
      ['Length of prompts', 'short', ...quantiles('vllm:request_prompt_tokens')],
      ['Length of outputs', 'short', ...quantiles('vllm:request_generation_tokens')],
    ],
    [
      'GPU',
      ['Utilisation', 'percent', gpu('DCGM_FI_DEV_GPU_UTIL')],
      ['Memory in use', 'mbytes', gpu('DCGM_FI_DEV_FB_USED')],
      ['Memory that is free', 'mbytes', gpu('DCGM_FI_DEV_FB_FREE')],
      ['Temperature', 'celsius', gpu('DCGM_FI_DEV_GPU_TEMP')],
      ['Power', 'watt', gpu('DCGM_FI_DEV_POWER_USAGE')],
      ['Clock', 'hertz', gpu('DCGM_FI_DEV_SM_CLOCK', ' * 1e6')],
      ['Graphics engine active', 'percentunit', gpu('DCGM_FI_PROF_GR_ENGINE_ACTIVE')],
      [
        'Memory interface active',
        'percentunit',
        gpu('DCGM_FI_PROF_DRAM_ACTIVE'),
        gpu('DCGM_FI_DEV_MEM_COPY_UTIL', ' / 100'),
      ],
      ['Last XID error', 'short', gpu('DCGM_FI_DEV_XID_ERRORS')],
      [
        'Energy per generated token, in J',
        'short',
        [
          'J',
          `${perSecond('DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION')} / 1000 / ${perSecond('vllm:generation_tokens_total')}`,
        ],
      ],
      ['Memory of the process', 'bytes', sumBy('process_resident_memory_bytes', 'replica')],
    ],
  ],
};
