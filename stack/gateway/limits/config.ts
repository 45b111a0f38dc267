import { z } from 'zod';
import { redisUrlSchema } from '../../service-config.ts';

const off = z.literal('off');
const burst = z.int().min(1).max(1_000_000).optional();

/** Timeout of a request's rate limit check in Redis, in ms. */
export const redisTimeoutSchema = z.number().min(5).max(60_000).default(50);

/**
 * Rate limits as token buckets: in any time t at most rate × t + burst requests pass.
 *
 * - `perKey`: limit of each API key; without API keys all callers share one bucket. `burst` defaults to 6 s of the rate (100 of
 *   1000/min).
 * - `global`: limit of all callers together. `burst` defaults to 1 s of the rate.
 * - `redis`: store of buckets shared by gateways. Without it, or while it is down, each gateway enforces rate and burst divided by
 *   `replicas`.
 * - `redis.timeoutMs`: how long a request may wait for Redis before the local buckets decide.
 * - `onOutage`: behaviour while Redis is down. `local`: local buckets decide, no request fails. `fail`: 503, for limits that must
 *   never be exceeded (fail closed).
 */
export const limitsSchema = z.strictObject({
  redis: z
    .strictObject({
      url: redisUrlSchema,
      timeoutMs: redisTimeoutSchema,
      keyPrefix: z.string().max(64).default('squall:limits:'),
    })
    .optional(),
  perKey: z
    .union([off, z.strictObject({ perMinute: z.int().min(1).max(10_000_000).default(1000), burst })])
    .prefault({}),
  global: z.union([off, z.strictObject({ perSecond: z.int().min(1).max(1_000_000).default(200), burst })]).prefault({}),
  replicas: z.int().min(1).max(100).default(1),
  onOutage: z.enum(['local', 'fail']).default('local'),
});

/** Rate limits with every default filled in. */
export type LimitsConfig = z.output<typeof limitsSchema>;
