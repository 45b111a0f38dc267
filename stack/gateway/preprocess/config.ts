import { z } from 'zod';
import { httpUrlSchema } from '../../service-config.ts';

/** What of preprocessing is not the addresses of its pools. */
export const preprocessClientSchema = z.strictObject({
  minBodyBytes: z.int().min(0).max(1_073_741_824).default(0),
  timeoutMs: z.number().positive().max(3_600_000).default(2000),
  maxInFlight: z.int().min(1).max(1_000_000).default(256),
});

/**
 * Preprocessing of requests, see `preparer.ts`.
 *
 * - `urls`: of the pools, which get requests in turn.
 * - `minBodyBytes`: shorter bodies are sent on as they are.
 * - `timeoutMs`: how long a request may take to be prepared, at most.
 * - `maxInFlight`: requests of this gateway that are prepared at the same time; further ones are turned away, so that a pool that hangs holds no more.
 */
export const preprocessConfigSchema = preprocessClientSchema.extend({
  urls: z.array(httpUrlSchema).min(1),
});

/** Preprocessing that is on. */
export type PreprocessClientConfig = z.output<typeof preprocessConfigSchema>;
