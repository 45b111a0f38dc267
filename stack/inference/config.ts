import { z } from 'zod';
import { badConfig, parseConfig } from '../service-config.ts';
import { type ProfileName, profiles } from './engine/profiles.ts';

const VARIABLE = 'INFERENCE_CONFIG';
const profileNames = Object.keys(profiles) as [ProfileName, ...ProfileName[]];
const count = z.number().int().min(1);

/** Registers with a Consul-compatible agent once the model is loaded, under the address by which others are to reach it. */
const registrationSchema = z.strictObject({
  /** The agent's. */
  url: z.url({ protocol: /^https?$/ }),
  advertise: z.string().regex(/^.+:\d{1,5}$/, 'must be HOST:PORT'),
  /** Other addresses for those who ask from a zone, by zone. */
  advertiseByZone: z.record(z.string(), z.string().regex(/^.+:\d{1,5}$/, 'must be HOST:PORT')).default({}),
  /** It counts as dead when it is not heard of for this long. */
  ttlMs: z.number().min(100).max(3_600_000).default(3000),
  service: z.string().min(1).default('inference'),
});

/** The JSON text of the environment variable `INFERENCE_CONFIG`. Unknown keys are errors. */
export const inferenceConfigSchema = z.strictObject({
  /** Replica name: in logs and as the `Hostname` of the GPU metrics. */
  name: z.string().min(1).default('inference-1'),
  profile: z.enum(profileNames).default('qwen3-8b-fp8-h100'),
  /** Served model name. @default the profile's */
  model: z.string().min(1).optional(),
  /** Divides the time to load the model; never the time of a step. */
  timeScale: z.number().positive().default(1),
  /** Sequences in one step at most (`max_num_seqs`). */
  maxBatch: count.default(256),
  /**
   * Tokens computed in one step at most (`max_num_batched_tokens`). 8,192 is vLLM's default on an H100 and, of the
   * budgets tried, the one under which the profile's published times to first token come out (2,048 is off nearly twice
   * as far, by root mean square of the logarithms).
   */
  maxBatchedTokens: count.default(8192),
  kvBlockTokens: count.default(16),
  /** @default the profile's */
  kvCapacityTokens: count.optional(),
  /** Longest prompt plus answer. @default the profile's, or what the KV cache holds if that is less */
  maxModelLen: count.optional(),
  /** Any integer; decides the words of the answers. */
  seed: z.number().int().default(1),
  registration: z.union([z.literal('off'), registrationSchema]).default('off'),
});

/** The configuration with every default filled in. */
export type InferenceConfig = { readonly [K in keyof Parsed]-?: NonNullable<Parsed[K]> };

/** What a deployer writes. */
export type InferenceConfigInput = z.input<typeof inferenceConfigSchema>;

type Parsed = z.output<typeof inferenceConfigSchema>;

/**
 * Reads `INFERENCE_CONFIG`, see {@link parseConfig}.
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
  const wholeBlocks = Math.floor(kvCapacityTokens / config.kvBlockTokens) * config.kvBlockTokens;
  const maxModelLen = config.maxModelLen ?? Math.min(profile.maxModelLen, wholeBlocks);
  if (wholeBlocks < Math.max(1, maxModelLen))
    throw badConfig(
      VARIABLE,
      `Expected \`kvCapacityTokens\` to hold one request of \`maxModelLen\` ${maxModelLen} tokens, got ${kvCapacityTokens} ` +
        `(${wholeBlocks} in whole blocks of ${config.kvBlockTokens})`,
    );
  return { ...config, model: config.model ?? profile.model, kvCapacityTokens, maxModelLen };
}
