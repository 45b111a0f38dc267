/**
 * What one GPU with one model can do. The numbers are fitted to published closed-loop measurements of vLLM 0.30.0 on
 * one H100-80GB (tgarg01/silybench-data, CC BY 4.0); `test/stack/inference/calibration.test.ts` replays them.
 *
 * Not modelled: attention's quadratic share of a prefill (the data ends at 2,048 prompt tokens), speculative decoding,
 * tensor parallelism.
 */
export interface Profile {
  /** Model name that the server reports when the configuration names none. */
  readonly model: string;
  /** As DCGM writes it in its `modelName` label. */
  readonly gpuName: string;
  readonly gpuMemoryBytes: number;
  /** Weights in GPU memory. FP8 halves the linear layers; embeddings and the output head stay BF16. */
  readonly weightsBytes: number;
  /** CUDA context, graphs and activations: what is taken besides weights and KV cache. */
  readonly runtimeBytes: number;
  /** Keys and values of one token over all layers. Qwen3-8B: 36 layers × 8 KV heads × 128 × 2 (K, V) × 2 bytes. */
  readonly kvBytesPerToken: number;
  /** Tokens that the KV cache holds at vLLM's default memory share of 0.9. */
  readonly kvCapacityTokens: number;
  /** Longest prompt plus answer, in tokens. */
  readonly maxModelLen: number;
  /** From process start until the first request can be served, in real life (before `timeScale`). */
  readonly modelLoadMs: number;
  readonly step: StepCost;
  readonly power: PowerModel;
}

/**
 * Duration of one engine step, in milliseconds:
 *
 * ```
 * base + perSequence·sequences + perKvToken·KV tokens read + perPrefillToken·prompt tokens (+ prefill, when there are any)
 * ```
 *
 * The first three are the published rows' inter-token latency. The prefill terms are fitted here to their time to first token.
 */
export interface StepCost {
  readonly baseMs: number;
  readonly perSequenceMs: number;
  readonly perKvTokenMs: number;
  readonly perPrefillTokenMs: number;
  /** Once per step that computes prompt tokens: such a step cannot replay the decode CUDA graph. */
  readonly prefillMs: number;
}

/** What a step has to compute. */
export interface StepWork {
  /** Sequences in the step, decoding or in prefill. */
  readonly sequences: number;
  /** KV tokens that the decoding sequences read. */
  readonly kvTokens: number;
  /** Prompt tokens computed, recomputation after a preemption included. */
  readonly prefillTokens: number;
}

/**
 * Board power and heat. Power while a step runs is `busyWatts` for a step that only streams the weights and grows
 * linearly with the share of the step spent beyond that, up to `peakWatts` at `peakAtShare`. Against the published
 * rows: within 10 %.
 */
export interface PowerModel {
  readonly idleWatts: number;
  readonly busyWatts: number;
  readonly peakWatts: number;
  /** Share (0–1) of a step beyond `baseMs` at which the board reaches `peakWatts`. */
  readonly peakAtShare: number;
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
  peakAtShare: 0.68,
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

/** The profiles by name: model, precision, GPU. */
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

/** A key of {@link profiles}. */
export type ProfileName = keyof typeof profiles;

/** Duration of a step in milliseconds; see {@link StepCost} for the formula. */
export function stepMs(cost: StepCost, work: StepWork): number {
  const decodeMs = cost.baseMs + cost.perSequenceMs * work.sequences + cost.perKvTokenMs * work.kvTokens;
  return work.prefillTokens === 0 ? decodeMs : decodeMs + cost.prefillMs + cost.perPrefillTokenMs * work.prefillTokens;
}

/** Board power in watts during a step that lasts `durationMs`; see {@link PowerModel}. */
export function stepWatts(profile: Profile, durationMs: number): number {
  const { busyWatts, peakWatts, peakAtShare } = profile.power;
  const beyondWeights = Math.max(0, 1 - profile.step.baseMs / durationMs);
  return busyWatts + (peakWatts - busyWatts) * Math.min(1, beyondWeights / peakAtShare);
}
