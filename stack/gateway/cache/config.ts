import { z } from 'zod';
import { redisUrlSchema, secretSourceSchema } from '../../service-config.ts';
import { redisTimeoutSchema } from '../limits/config.ts';

/** Environment variable in which the stack hands the key of entries to its gateways. */
export const CACHE_KEY_VARIABLE = 'GATEWAY_CACHE_KEY';

/**
 * Cache of responses, see `response-cache.ts`.
 *
 * - `redis`: where entries are kept; a request waits at most `timeoutMs` for it. What bounds them is its `maxmemory`.
 * - `key`: 32 bytes that entries are encrypted with, as 64 hex digits or in base64: the name of an environment variable, or a file.
 * - `ttlMs`: how long an entry is fresh. `staleMs`: for how much longer it may be sent while upstreams fail.
 * - `maxEntryBytes`: longest body that is kept.
 * - `acrossKeys`: callers with different API keys share entries, too.
 * - `fallback`: text of the response to a chat or completion that upstreams fail, and for which there is no entry.
 */
export const cacheSchema = z.strictObject({
  redis: z.strictObject({
    url: redisUrlSchema,
    timeoutMs: redisTimeoutSchema,
    keyPrefix: z.string().max(64).default('squall:cache:'),
  }),
  key: secretSourceSchema(CACHE_KEY_VARIABLE),
  ttlMs: z.number().min(1).max(86_400_000).default(600_000),
  staleMs: z.number().min(0).max(604_800_000).default(0),
  maxEntryBytes: z.int().min(1).max(16_777_216).default(262_144),
  acrossKeys: z.boolean().default(false),
  fallback: z.union([z.literal('off'), z.strictObject({ content: z.string().min(1).max(65_536) })]).default('off'),
});

/** Settings of a cache that is on. */
export type CacheConfig = z.output<typeof cacheSchema>;
