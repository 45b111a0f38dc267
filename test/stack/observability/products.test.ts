import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Readings } from '../../../harness/metrics.ts';
import { parseExposition } from '../../../stack/observability/exposition.ts';
import { isKept, KEPT_SERIES, readingsOf } from '../../../stack/observability/series.ts';

const read = (text: string) => readingsOf(parseExposition(text, isKept));

/** A few lines of the metrics of each product, by the names of docs/metrics.md, and what is read from them. */
const PRODUCTS: Readonly<Record<string, readonly [text: string, readings: Readings]>> = {
  'vLLM V1, two engines': [
    `# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 8.0
vllm:num_requests_running{engine="1",model_name="m"} 7.0
vllm:num_requests_waiting{engine="0",model_name="m"} 2.0
vllm:num_requests_waiting{engine="1",model_name="m"} 0.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.52
vllm:kv_cache_usage_perc{engine="1",model_name="m"} 0.91
vllm:prefix_cache_queries_total{engine="0",model_name="m"} 14372.0
vllm:prefix_cache_queries_created{engine="0",model_name="m"} 1.7e+09
vllm:prefix_cache_hits_total{engine="0",model_name="m"} 1312.0
vllm:num_preemptions_total{engine="0",model_name="m"} 3.0`,
    { queue: 2, running: 15, kvRatio: 0.91, cacheQueries: 14372, cacheHits: 1312, preemptions: 3 },
  ],
  // Some versions export the older names beside the newer ones; the tokens count once.
  'vLLM between V0 and V1': [
    `vllm:gpu_cache_usage_perc{engine="0"} 0.3
vllm:kv_cache_usage_perc{engine="0"} 0.3
vllm:gpu_prefix_cache_queries_total{engine="0"} 100.0
vllm:gpu_prefix_cache_hits_total{engine="0"} 40.0
vllm:prefix_cache_queries_total{engine="0"} 100.0
vllm:prefix_cache_hits_total{engine="0"} 40.0`,
    { kvRatio: 0.3, cacheQueries: 100, cacheHits: 40 },
  ],
  'vLLM V0': [
    `vllm:num_requests_running{model_name="m"} 3.0
vllm:num_requests_swapped{model_name="m"} 0.0
vllm:num_requests_waiting{model_name="m"} 1.0
vllm:gpu_cache_usage_perc{model_name="m"} 0.25
vllm:cpu_cache_usage_perc{model_name="m"} 0.9
vllm:gpu_prefix_cache_hit_rate{model_name="m"} 0.125`,
    { queue: 1, running: 3, kvRatio: 0.25, cacheHitRatio: 0.125 },
  ],
  'vLLM under Ray': [
    `ray_vllm_num_requests_waiting{WorkerId="a",model_name="m"} 4.0
ray_vllm_num_requests_waiting{WorkerId="b",model_name="m"} 5.0`,
    { queue: 9 },
  ],
  SGLang: [
    `sglang:num_running_reqs{engine_type="unified",model_name="m",tp_rank="0"} 6.0
sglang:num_queue_reqs{engine_type="unified",model_name="m",tp_rank="0"} 11.0
sglang:token_usage{engine_type="unified",model_name="m",tp_rank="0"} 0.28
sglang:cache_hit_rate{engine_type="unified",model_name="m",tp_rank="0"} 0.5
sglang:prompt_tokens_total{model_name="m"} 1000.0
sglang:cached_tokens_total{cache_source="device",model_name="m"} 300.0
sglang:cached_tokens_total{cache_source="host",model_name="m"} 200.0`,
    { queue: 11, running: 6, kvRatio: 0.28, cacheHitRatio: 0.5, cacheQueries: 1000, cacheHits: 500 },
  ],
  // `prompt_tokens_total` excludes those that were found in the cache.
  'llama.cpp': [
    `# HELP llamacpp:prompt_tokens_total Number of prompt tokens processed, excluding cached tokens
llamacpp:prompt_tokens_total 60
llamacpp:prompt_tokens_cached_total 14312
llamacpp:requests_processing 4
llamacpp:requests_deferred 46`,
    { queue: 46, running: 4, cacheQueries: 14372, cacheHits: 14312 },
  ],
  'llama.cpp before its cache was counted': [
    `llamacpp:kv_cache_usage_ratio 0.75
llamacpp:requests_processing 1
llamacpp:requests_deferred 0`,
    { queue: 0, running: 1, kvRatio: 0.75 },
  ],
  TGI: ['tgi_queue_size 5\ntgi_batch_current_size 32\ntgi_request_count 900', { queue: 5, running: 32 }],
  LiteLLM: [
    'litellm_in_flight_requests 12.0\nprocess_resident_memory_bytes 2.097152e+08',
    { inFlight: 12, memoryMiB: 200 },
  ],
  'dcgm-exporter, two GPUs': [
    `DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-1",Hostname="n"} 40
DCGM_FI_DEV_GPU_UTIL{gpu="1",UUID="GPU-2",Hostname="n"} 97
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="0"} 0.2
DCGM_FI_DEV_FB_USED{gpu="0"} 60000
DCGM_FI_DEV_FB_USED{gpu="1"} 70000
DCGM_FI_DEV_FB_FREE{gpu="0"} 20000
DCGM_FI_DEV_FB_FREE{gpu="1"} 10000`,
    { gpuPercent: 97, gpuUsedMiB: 130_000, gpuFreeMiB: 30_000 },
  ],
  'dcgm-exporter, a MIG slice': ['DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="0",GPU_I_ID="3"} 0.42', { gpuPercent: 42 }],
};

test.each(Object.entries(PRODUCTS))('reads the metrics of %s', (_, [text, readings]) => {
  expect(read(text)).toEqual(readings);
});

test('the document lists every name that is read, but those of Squall’s own gateway', () => {
  const text = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8');
  const missing = Object.keys(KEPT_SERIES).filter(
    name => !name.startsWith('gateway_') && !text.includes(`\`${name}\``),
  );
  expect(missing).toEqual([]);
});

test('reads nothing from names that only resemble these', () => {
  expect(
    read('vllm:num_requests_waiting_by_reason 3\nmy_vllm_num_requests_running 4\ntoString 1\nray_tgi_queue_size 2'),
  ).toEqual({});
});
