import { z } from 'zod';

/**
 * The Redis of a stack. `append-only` writes every change to a log that is flushed once a second, so that a crash loses one second
 * at most; `off` keeps everything in memory alone. Beyond `maxMemoryMb` the least recently used keys go first.
 */
export const redisOptionsSchema = z.strictObject({
  maxMemoryMb: z.int().min(1).max(1_048_576).default(256),
  eviction: z.enum(['allkeys-lru', 'noeviction']).default('allkeys-lru'),
  persistence: z.enum(['append-only', 'off']).default('append-only'),
});

/** Redis options with every default filled in. */
export type RedisOptions = z.output<typeof redisOptionsSchema>;
