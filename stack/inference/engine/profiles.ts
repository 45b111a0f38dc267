/**
 * Performance profile of one model on one GPU, fitted to published closed-loop measurements of vLLM 0.30.0 on one H100-80GB
 * (tgarg01/silybench-data, CC BY 4.0), which `test/stack/inference/calibration.test.ts` replays.
 *
 * Not modelled: the quadratic cost of attention in prefill (the data ends at 2,048 prompt tokens), speculative decoding, tensor
 * parallelism.
 */
export interface Profile {
  /** Default name of the served model. */
  readonly model: string;
  /** GPU name in DCGM's label `modelName`. */
  readonly gpuName: string;
  readonly gpuMemoryBytes: number;
  /** Weights in GPU memory. FP8 halves the linear layers; embeddings and the output head stay BF16. */
  readonly weightsBytes: number;
  /** CUDA context, graphs and activations: memory besides weights and KV cache. */
  readonly runtimeBytes: number;
  /** Keys and values of one token over all layers. Qwen3-8B: 36 layers × 8 KV heads × 128 × 2 (K, V) × 2 bytes. */
  readonly kvBytesPerToken: number;
  /** Capacity of the KV cache at vLLM's default `gpu_memory_utilization` of 0.9. */
  readonly kvCapacityTokens: number;
  /** Maximum length of prompt plus output, in tokens. */
  readonly maxModelLen: number;
  /** Time from process start until the model can serve, before division by `timeScale`. */
  readonly modelLoadMs: number;
  readonly step: StepCost;
  readonly power: PowerModel;
}

/**
 * Duration of one engine step, in milliseconds:
 *
 * ```
 * base + perSequence·sequences + perKvToken·KV tokens read + perPrefillToken·prompt tokens (+ prefill if there are any)
 * ```
 *
 * The first three terms are the published inter-token latency. The prefill terms are fitted to the published time to first token.
 */
export interface StepCost {
  readonly baseMs: number;
  readonly perSequenceMs: number;
  readonly perKvTokenMs: number;
  readonly perPrefillTokenMs: number;
  /** Fixed cost of a step with prompt tokens, which cannot replay the decode CUDA graph. */
  readonly prefillMs: number;
}

/** Work of one step. */
interface StepWork {
  /** Sequences in the step, decoding or in prefill. */
  readonly sequences: number;
  /** KV tokens read by the decoding sequences. */
  readonly kvTokens: number;
  /** Prompt tokens computed, including recomputation after a preemption. */
  readonly prefillTokens: number;
}

/**
 * Power and temperature of the board. The power of a step is `busyWatts` if it only streams the weights, and grows linearly with the
 * fraction of the step beyond that, up to `peakWatts` at `peakAtRatio`.
 */
interface PowerModel {
  readonly idleWatts: number;
  readonly busyWatts: number;
  readonly peakWatts: number;
  /** Fraction (0–1) of a step beyond `baseMs` at which the board reaches `peakWatts`. */
  readonly peakAtRatio: number;
  readonly ambientCelsius: number;
  readonly celsiusPerWatt: number;
  /** Time constant of the first-order thermal model. */
  readonly thermalMs: number;
  readonly idleClockMHz: number;
  readonly busyClockMHz: number;
}

const h100Power: PowerModel = {
  idleWatts: 115,
  busyWatts: 385,
  peakWatts: 662,
  peakAtRatio: 0.68,
  ambientCelsius: 30,
  celsiusPerWatt: 0.055,
  thermalMs: 30_000,
  idleClockMHz: 345,
  busyClockMHz: 1980,
};

const qwen3On8bH100 = {
  gpuName: 'NVIDIA H100 80GB HBM3',
  gpuMemoryBytes: 81_559 * 2 ** 20,
  runtimeBytes: 4e9,
  kvBytesPerToken: 36 * 8 * 128 * 2 * 2,
  maxModelLen: 40_960,
  modelLoadMs: 120_000,
  power: h100Power,
};

/** Profiles by name: model, precision, GPU. */
export const profiles = {
  'qwen3-8b-fp8-h100': {
    ...qwen3On8bH100,
    model: 'Qwen/Qwen3-8B-FP8',
    weightsBytes: 9.4e9,
    kvCapacityTokens: 430_272,
    step: { baseMs: 4.58, perSequenceMs: 0.0141, perKvTokenMs: 4.8e-5, perPrefillTokenMs: 0.0165, prefillMs: 8 },
  },
  'qwen3-8b-bf16-h100': {
    ...qwen3On8bH100,
    model: 'Qwen/Qwen3-8B',
    weightsBytes: 16.4e9,
    kvCapacityTokens: 377_024,
    step: { baseMs: 6.79, perSequenceMs: 0.0126, perKvTokenMs: 4.82e-5, perPrefillTokenMs: 0.0165, prefillMs: 8 },
  },
} as const satisfies Record<string, Profile>;

/** Key of {@link profiles}. */
export type ProfileName = keyof typeof profiles;

/** Cost of steps that take `factor` times as long. */
export function slowedDown(cost: StepCost, factor: number): StepCost {
  const { baseMs, perSequenceMs, perKvTokenMs, perPrefillTokenMs, prefillMs } = cost;
  return {
    baseMs: baseMs * factor,
    perSequenceMs: perSequenceMs * factor,
    perKvTokenMs: perKvTokenMs * factor,
    perPrefillTokenMs: perPrefillTokenMs * factor,
    prefillMs: prefillMs * factor,
  };
}

/** Duration of a step in milliseconds; see {@link StepCost} for the formula. */
export function stepMs(cost: StepCost, work: StepWork): number {
  const decodeMs = cost.baseMs + cost.perSequenceMs * work.sequences + cost.perKvTokenMs * work.kvTokens;
  return work.prefillTokens === 0 ? decodeMs : decodeMs + cost.prefillMs + cost.perPrefillTokenMs * work.prefillTokens;
}

/** Board power in watts during a step that lasts `durationMs`; see {@link PowerModel}. */
export function stepWatts(profile: Profile, durationMs: number): number {
  const { busyWatts, peakWatts, peakAtRatio } = profile.power;
  const beyondWeights = Math.max(0, 1 - profile.step.baseMs / durationMs);
  return busyWatts + (peakWatts - busyWatts) * Math.min(1, beyondWeights / peakAtRatio);
}
