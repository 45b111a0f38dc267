import { z } from 'zod';

/**
 * Options of a stack's Redis. `append-only` writes changes to a log that is flushed once a second, so that a crash loses at most one
 * second; `off` keeps data only in memory. Beyond `maxMemoryMb`, `allkeys-lru` evicts the least recently used keys.
 */
export const redisOptionsSchema = z.strictObject({
  maxMemoryMb: z.int().min(1).max(1_048_576).default(256),
  eviction: z.enum(['allkeys-lru', 'noeviction']).default('allkeys-lru'),
  persistence: z.enum(['append-only', 'off']).default('append-only'),
});

/** Redis options with every default filled in. */
export type RedisOptions = z.output<typeof redisOptionsSchema>;
