import { z } from 'zod';

const off = z.literal('off');
const burst = z.int().min(1).max(1_000_000).optional();

/** How long a request may wait for Redis, in ms. */
export const redisTimeoutSchema = z.number().min(5).max(60_000).default(50);

/**
 * How often callers may ask, as token buckets. Over any time t at most rate × t + burst requests pass.
 *
 * - `perKey`: each API key; without API keys all callers share one bucket. `burst` defaults to 6 s worth (100 of 1000/min).
 * - `global`: all callers together. `burst` defaults to 1 s worth.
 * - `redis`: where gateways share their buckets. Without it, and while it is away, each enforces its share: rate and burst
 *   divided by `replicas`.
 * - `redis.timeoutMs`: how long a request may wait for Redis before it is judged locally.
 * - `onOutage`: what happens while Redis is away. `local`: the share, no request fails. `fail`: 503, for limits that must never be
 *   exceeded (fail closed).
 */
export const limitsSchema = z.strictObject({
  redis: z
    .strictObject({
      url: z.url({ protocol: /^rediss?$/ }),
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

/** Limits with every default filled in. */
export type LimitsConfig = z.output<typeof limitsSchema>;
