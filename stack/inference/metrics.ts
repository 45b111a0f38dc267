import { Counter, Histogram, Registry } from 'prom-client';
import { computedGauge } from '../observability/computed-gauge.ts';
import { metricsText } from '../observability/metrics-text.ts';
import type { Engine, Step } from './engine/engine.ts';
import { gpuMetrics, type MetricSources } from './gpu-metrics.ts';

/** Outcome and timings of one request; durations are undefined for phases that it did not reach. */
export interface RequestTimes {
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly finishedReason: 'stop' | 'length' | 'abort';
  readonly queueMs: number | undefined;
  readonly ttftMs: number | undefined;
  readonly decodeMs: number | undefined;
  readonly endToEndMs: number;
}

/** Bucket bounds in seconds, as in vLLM V1 (`vllm/v1/metrics/loggers.py`). */
const TTFT_SECONDS = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560,
];
const TOKEN_SECONDS = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80];
const REQUEST_SECONDS = [0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680];
const STEP_TOKENS = [1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384];
const REQUEST_TOKENS = [1, 2, 5]
  .flatMap(n => [1, 10, 100, 1000, 10_000].map(decade => n * decade))
  .sort((a, b) => a - b);

/** Metrics of one engine with vLLM V1's names, of its GPU with DCGM's, and the memory of the process. */
export class Metrics {
  readonly #engine = new Registry();
  readonly #gpu: Registry;
  readonly #process = new Registry();
  readonly #vllm: ReturnType<typeof vllmMetrics>;

  constructor(sources: MetricSources) {
    const { config, engine } = sources;
    this.#engine.setDefaultLabels({ model_name: config.model, engine: '0' });
    this.#vllm = vllmMetrics(this.#engine, engine, config.maxModelLen);
    this.#gpu = gpuMetrics(sources);
  }

  /** Adds the memory of the process, where the engine has one of its own. */
  measureMemory(): void {
    const help = 'Resident memory of the simulator process, not of the GPU';
    computedGauge(this.#process, 'process_resident_memory_bytes', help, () => process.memoryUsage.rss());
  }

  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;

  /** Metrics in Prometheus' text format, see {@link metricsText}. */
  text(query?: string): Promise<string> {
    return metricsText([this.#engine, this.#gpu, this.#process], query);
  }

  recordStep(step: Step): void {
    const { preemptions, iterationTokens, cacheQueries, cacheHits } = this.#vllm;
    cacheQueries.inc(step.cacheQueries);
    cacheHits.inc(step.cacheHits);
    preemptions.inc(step.preempted.length);
    iterationTokens.observe(step.prefillTokens + step.decodeTokens);
  }

  /** Records the first token. The prompt is counted only here, however often it was recomputed. */
  recordFirstToken(ttftMs: number, promptTokens: number): void {
    this.#vllm.promptTokens.inc(promptTokens);
    this.#vllm.generationTokens.inc();
    this.#vllm.ttft.observe(ttftMs / 1000);
  }

  recordToken(gapMs: number): void {
    this.#vllm.generationTokens.inc();
    this.#vllm.interToken.observe(gapMs / 1000);
  }

  /** Records a request that ended or was cancelled. */
  recordRequest(times: RequestTimes): void {
    const vllm = this.#vllm;
    vllm.success.inc({ finished_reason: times.finishedReason });
    const { queueMs, ttftMs, decodeMs, outputTokens } = times;
    if (times.finishedReason === 'abort' || queueMs === undefined || ttftMs === undefined || decodeMs === undefined)
      return;
    vllm.queue.observe(queueMs / 1000);
    vllm.prefill.observe((ttftMs - queueMs) / 1000);
    vllm.decode.observe(decodeMs / 1000);
    vllm.inference.observe((ttftMs - queueMs + decodeMs) / 1000);
    vllm.endToEnd.observe(times.endToEndMs / 1000);
    if (outputTokens > 1) vllm.timePerOutputToken.observe(decodeMs / 1000 / (outputTokens - 1));
    vllm.requestPrompt.observe(times.promptTokens);
    vllm.requestGeneration.observe(outputTokens);
  }
}

function vllmMetrics(registry: Registry, engine: Engine, maxModelLen: number) {
  const lengths = REQUEST_TOKENS.filter(tokens => tokens <= maxModelLen);
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number) => computedGauge(registry, `vllm:${name}`, help, read);
  const counter = (name: string, help: string) => new Counter({ name: `vllm:${name}`, help, registers });
  const histogram = (name: string, help: string, buckets: number[]) =>
    new Histogram({ name: `vllm:${name}`, help, buckets, registers });
  gauge('num_requests_running', 'Requests in the batch', () => engine.running);
  gauge('num_requests_waiting', 'Requests waiting for a slot or for KV cache', () => engine.waiting);
  gauge('kv_cache_usage_perc', 'KV cache blocks in use, 0-1', () => engine.kv.usedRatio);
  const success = new Counter({
    name: 'vllm:request_success_total',
    help: 'Requests that ended, by reason',
    labelNames: ['finished_reason'],
    registers,
  });
  for (const finished_reason of ['stop', 'length', 'abort']) success.inc({ finished_reason }, 0);
  const seconds = (name: string, help: string) => histogram(`request_${name}_time_seconds`, help, REQUEST_SECONDS);
  return {
    cacheQueries: counter('prefix_cache_queries_total', 'Prompt tokens looked up in the prefix cache'),
    cacheHits: counter('prefix_cache_hits_total', 'Prompt tokens found in the prefix cache'),
    preemptions: counter('num_preemptions_total', 'Preemptions'),
    promptTokens: counter('prompt_tokens_total', 'Prompt tokens of requests with a first token'),
    generationTokens: counter('generation_tokens_total', 'Tokens generated'),
    success,
    ttft: histogram('time_to_first_token_seconds', 'Arrival to first token', TTFT_SECONDS),
    interToken: histogram('inter_token_latency_seconds', 'Time between two tokens', TOKEN_SECONDS),
    timePerOutputToken: histogram(
      'request_time_per_output_token_seconds',
      'Mean time between tokens of a request',
      TOKEN_SECONDS,
    ),
    endToEnd: histogram('e2e_request_latency_seconds', 'Arrival to last token', REQUEST_SECONDS),
    queue: seconds('queue', 'Arrival to first scheduling'),
    inference: seconds('inference', 'First scheduling to last token'),
    prefill: seconds('prefill', 'First scheduling to first token'),
    decode: seconds('decode', 'First to last token'),
    requestPrompt: histogram('request_prompt_tokens', 'Prompt length', lengths),
    requestGeneration: histogram('request_generation_tokens', 'Output length', lengths),
    iterationTokens: histogram('iteration_tokens_total', 'Tokens computed in a step', STEP_TOKENS),
  };
}
