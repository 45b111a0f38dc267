import { z } from 'zod';

/**
 * Merging of identical concurrent requests, see `merger.ts`. A request joins a call that began at most `windowMs` ago and has sent at most
 * `maxBytes`, which is also how far a client may fall behind the fastest. `acrossKeys`: callers with different API keys share calls, too.
 */
export const mergeSchema = z.strictObject({
  windowMs: z.number().positive().max(3_600_000).default(30_000),
  maxBytes: z.int().min(1024).max(67_108_864).default(1_048_576),
  acrossKeys: z.boolean().default(false),
});

/** Settings of merging that is on. */
export type MergeConfig = z.output<typeof mergeSchema>;
