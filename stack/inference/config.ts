import { z } from 'zod';
import { badConfig, httpUrlSchema, parseConfig } from '../service-config.ts';
import { type ProfileName, profiles } from './engine/profiles.ts';

const VARIABLE = 'INFERENCE_CONFIG';
const profileNames = Object.keys(profiles) as [ProfileName, ...ProfileName[]];
const count = z.number().int().min(1);
const hostAndPort = z.string().regex(/^.+:\d{1,5}$/, 'must be HOST:PORT');

/** Registration with a Consul-compatible agent once the model is loaded, under the address at which clients reach this replica. */
const registrationSchema = z.strictObject({
  /** URL of the agent. */
  url: httpUrlSchema,
  advertise: hostAndPort,
  /** Addresses for clients in specific zones, by zone. */
  advertiseByZone: z.record(z.string(), hostAndPort).default({}),
  /** Time without a heartbeat after which the replica is considered dead. */
  ttlMs: z.number().min(100).max(3_600_000).default(3000),
  service: z.string().min(1).default('inference'),
});

/** Schema of the JSON in the environment variable `INFERENCE_CONFIG`. Unknown keys are errors. */
export const inferenceConfigSchema = z.strictObject({
  /** Replica name in logs and in the label `Hostname` of the GPU metrics. */
  name: z.string().min(1).default('inference-1'),
  profile: z.enum(profileNames).default('qwen3-8b-fp8-h100'),
  /** Served model name. @default the profile's */
  model: z.string().min(1).optional(),
  /** Time to load the model before `timeScale` divides it, in ms. @default the profile's */
  modelLoadMs: z.number().min(0).max(86_400_000).optional(),
  /** Divides the time to load the model, but not the duration of steps. */
  timeScale: z.number().positive().default(1),
  /** Maximum sequences per step (`max_num_seqs`). */
  maxBatch: count.default(256),
  /**
   * Maximum tokens per step (`max_num_batched_tokens`). 8,192 is vLLM's default on an H100 and fits the profile's published
   * times to first token best of the budgets tried (with 2,048 the error is nearly twice as large, as RMS of the logarithms).
   */
  maxBatchedTokens: count.default(8192),
  kvBlockTokens: count.default(16),
  /** Whether prompts reuse the keys and values of what they begin with and another has computed (`enable_prefix_caching`). */
  prefixCaching: z.boolean().default(false),
  /** @default the profile's */
  kvCapacityTokens: count.optional(),
  /** Maximum length of prompt plus output. @default the profile's, or the capacity of the KV cache if less */
  maxModelLen: count.optional(),
  /**
   * How long a replica that is stopped may finish its requests (`terminationGracePeriodSeconds`, with its default), in ms; 0: they are
   * cut off at once.
   */
  drainMs: z.number().min(0).max(3_600_000).default(30_000),
  /** Version of the model that it serves, as it registers. */
  version: z.string().min(1).max(64).optional(),
  /** Multiplies the duration of steps, as of a version that is slower. */
  slowdown: z.number().min(0.1).max(1000).default(1),
  /** Ratio of requests that fail at once with a 500, each time that they are tried, as of a version with a bug. */
  errorRatio: z.number().min(0).max(1).default(0),
  /** Any integer; determines the generated words. */
  seed: z.number().int().default(1),
  registration: z.union([z.literal('off'), registrationSchema]).default('off'),
});

/** Configuration with every default filled in. */
export type InferenceConfig = { readonly [K in Exclude<keyof Parsed, 'version'>]-?: NonNullable<Parsed[K]> } & Pick<
  Parsed,
  'version'
>;

/** Configuration as written, before defaults. */
export type InferenceConfigInput = z.input<typeof inferenceConfigSchema>;

type Parsed = z.output<typeof inferenceConfigSchema>;

/**
 * Parses `INFERENCE_CONFIG`, see {@link parseConfig}.
 * @throws SquallError `BAD_INFERENCE_CONFIG`
 */
export function parseInferenceConfig(text: string | undefined): InferenceConfig {
  const config = parseConfig(VARIABLE, inferenceConfigSchema, text);
  const { maxBatch, maxBatchedTokens } = config;
  if (maxBatchedTokens < maxBatch)
    throw badConfig(
      VARIABLE,
      `Expected \`maxBatchedTokens\` to be at least \`maxBatch\` ${maxBatch}, got ${maxBatchedTokens}`,
    );
  const profile = profiles[config.profile];
  const kvCapacityTokens = config.kvCapacityTokens ?? profile.kvCapacityTokens;
  const fullBlocksTokens = Math.floor(kvCapacityTokens / config.kvBlockTokens) * config.kvBlockTokens;
  const maxModelLen = config.maxModelLen ?? Math.min(profile.maxModelLen, fullBlocksTokens);
  if (fullBlocksTokens < Math.max(1, maxModelLen))
    throw badConfig(
      VARIABLE,
      `Expected \`kvCapacityTokens\` to hold one request of \`maxModelLen\` ${maxModelLen} tokens, got ${kvCapacityTokens} ` +
        `(${fullBlocksTokens} in full blocks of ${config.kvBlockTokens})`,
    );
  const { model = profile.model, modelLoadMs = profile.modelLoadMs } = config;
  return { ...config, model, modelLoadMs, kvCapacityTokens, maxModelLen };
}
