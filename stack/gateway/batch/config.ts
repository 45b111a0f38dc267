import { z } from 'zod';
import { redisUrlSchema, secretSourceSchema } from '../../service-config.ts';

const DAY_MS = 86_400_000;

/** Environment variable in which the stack hands the key of contents to its gateways. */
export const BATCH_KEY_VARIABLE = 'GATEWAY_BATCH_KEY';

/**
 * Batches of requests, see docs/gateway-batch.md.
 *
 * - `redis`: where files and batches are kept. It must not evict keys without a time to live, and needs an append-only file to survive its own end.
 * - `key`: 32 bytes that contents of files and results are encrypted with there, the same for all gateways, as 64 hex digits or in base64: the name of an environment variable, or a file. `off`: they are kept as they are.
 * - `concurrency`: lines that a gateway runs at once, at most; admission decides which of them may go on.
 * - `leaseMs`: a line is run again by another gateway once the one that ran it has not renewed its lease for this long.
 * - `pollMs`: interval at which a gateway looks for lines to run.
 * - `maxAttempts`: a line is given up after so many attempts; `retryMs`: wait before its second attempt, doubled for each further one up to a minute.
 * - `windowMs`: time after which the rest of a batch expires, `24h` for clients.
 * - `keepMs`: how long files, and batches that have ended, are kept.
 * - `maxBytesPerKey`, `maxBytes`: limits of all files and batches of a key and of all keys, above which further ones are refused.
 * - `maxOpenPerKey`: batches of a key that have not ended.
 */
export const batchSchema = z.strictObject({
  redis: z.strictObject({
    url: redisUrlSchema,
    timeoutMs: z.number().min(5).max(60_000).default(2000),
    keyPrefix: z.string().max(64).default('squall:batch:'),
  }),
  key: z.union([z.literal('off'), secretSourceSchema(BATCH_KEY_VARIABLE).unwrap()]).default('off'),
  concurrency: z.int().min(1).max(10_000).default(8),
  leaseMs: z.number().min(100).max(3_600_000).default(30_000),
  pollMs: z.number().min(10).max(60_000).default(500),
  maxAttempts: z.int().min(1).max(100).default(5),
  retryMs: z.number().min(0).max(60_000).default(1000),
  windowMs: z.number().min(1000).max(DAY_MS).default(DAY_MS),
  keepMs: z
    .number()
    .min(1000)
    .max(90 * DAY_MS)
    .default(7 * DAY_MS),
  maxFileBytes: z.int().min(1).max(67_108_864).default(8_388_608),
  maxLines: z.int().min(1).max(50_000).default(10_000),
  maxBytesPerKey: z.int().min(1).max(1_099_511_627_776).default(67_108_864),
  maxBytes: z.int().min(1).max(1_099_511_627_776).default(134_217_728),
  maxOpenPerKey: z.int().min(1).max(10_000).default(100),
});

/** Settings of batches that are on. */
export type BatchConfig = z.output<typeof batchSchema>;
