import { z } from 'zod';
import { parseConfig } from '../service-config.ts';

/**
 * Bounds of what waits for a worker: at most `maxRequests`, each for at most `maxWaitMs`. What would wait longer, or longer than its own deadline, is
 * turned away at once. `off`: anything waits, until its deadline.
 */
const queueSchema = z.strictObject({
  maxRequests: z.int().min(0).max(1_000_000).default(32),
  maxWaitMs: z.number().min(0).max(3_600_000).default(500),
});

/**
 * A pool of workers, each of which prepares one prompt at a time, for `baseMs` and `microsPerCharacter` µs for each of its characters. That time is a model: it is what a
 * processor of its own would be busy, and takes none of this machine's. The default is that of a tokenizer with a chat template, roughly.
 */
export const preprocessSchema = z.strictObject({
  workers: z.int().min(1).max(1024).default(4),
  baseMs: z.number().min(0).max(60_000).default(1),
  microsPerCharacter: z.number().min(0).max(1_000_000).default(5),
  queue: z.union([z.literal('off'), queueSchema]).prefault({}),
});

const configSchema = preprocessSchema.extend({ name: z.string().min(1).default('preprocess') });

/** A pool with every default filled in. */
export type PoolConfig = z.output<typeof preprocessSchema>;
/** Configuration as written, before defaults. */
export type PreprocessConfigInput = z.input<typeof configSchema>;

/**
 * Parses `PREPROCESS_CONFIG`, see {@link parseConfig}.
 * @throws SquallError `BAD_PREPROCESS_CONFIG`
 */
export function parsePreprocessConfig(text: string | undefined): z.output<typeof configSchema> {
  return parseConfig('PREPROCESS_CONFIG', configSchema, text);
}
