import { z } from 'zod';

/**
 * Options of a stack's Redis. `append-only` writes changes to a log before it replies, so that a killed Redis has lost nothing; `off` keeps data only
 * in memory. `flush` is when the log reaches the disk: a crash of the machine loses at most two seconds (`every-second`, the default), or nothing
 * (`always`, the default where gateways keep batches). Beyond `maxMemoryMb`,
 * `volatile-lru` evicts the least recently used of the keys with a time to live, which jobs and revocations have not; `allkeys-lru` any key.
 */
export const redisOptionsSchema = z.strictObject({
  maxMemoryMb: z.int().min(1).max(1_048_576).default(256),
  eviction: z.enum(['volatile-lru', 'allkeys-lru', 'noeviction']).default('volatile-lru'),
  persistence: z.enum(['append-only', 'off']).default('append-only'),
  flush: z.enum(['every-second', 'always']).optional(),
});

/** Redis options as written. */
export type RedisSettings = z.input<typeof redisOptionsSchema>;
/** Redis options with every default filled in. */
export type RedisOptions = z.output<typeof redisOptionsSchema>;
