import { z } from 'zod';
import { redisUrlSchema } from '../../service-config.ts';
import { keysSchema } from '../admission/config.ts';
import { redisTimeoutSchema } from '../limits/config.ts';

const off = z.literal('off');
const perMillion = z.number().min(0).max(1_000_000);

/**
 * Prices in credits: of a million tokens of prompts, of those of them that the engine took from its prefix cache (by default like the others),
 * and of completions; and of an hour of a GPU.
 */
const priceSchema = z.strictObject({
  prompt: perMillion.default(0),
  cached: perMillion.optional(),
  completion: perMillion.default(0),
  gpuHour: z.number().min(0).max(100_000).optional(),
});

/** Prices of a model. */
export type Price = z.output<typeof priceSchema>;

/** Credits that a key may spend in a period, or that there is no limit. */
export const quotaSchema = z.union([off, z.number().min(0).max(1_000_000_000)]);

/**
 * Accounting of usage, see `accounting.ts`.
 *
 * - `redis`: where usage is kept; a request of a key with a quota waits at most `timeoutMs` for it, the others never.
 * - `prices`: of every model that is not in `models`.
 * - `quota`: credits that each key may spend in `periodMs`, unless `keys` says otherwise. Periods are multiples of it since 1970, in UTC.
 * - `reserveTokens`: output that is reserved for a request which does not bound it.
 * - `reservationMs`: how long the reservation of a gateway that has died stays. Longer than any request takes, or a key may spend more than its quota.
 * - `streamUsage`: what streams are requested to report, see `metered-transport.ts`.
 * - `gpus`: of each replica. `replicas`: number of gateways, which are taken to share the replicas evenly.
 * - `keepDays`: how long usage is kept.
 * - `onOutage`: of keys with a quota while Redis is down: `local`: what this gateway knows decides; `fail`: 503.
 * - `maxPending`: requests whose usage waits for Redis, at most; that of others is lost, and counted.
 */
export const accountingSchema = z.strictObject({
  redis: z.strictObject({
    url: redisUrlSchema,
    timeoutMs: redisTimeoutSchema,
    keyPrefix: z.string().max(64).default('squall:usage:'),
  }),
  prices: priceSchema.prefault({}),
  models: z
    .record(z.string().regex(/^.{1,256}$/, 'must be the name of a model, of 1 to 256 characters'), priceSchema)
    .default({}),
  quota: quotaSchema.default('off'),
  keys: keysSchema(
    'sha256',
    z.strictObject({
      sha256: z.string().regex(/^[0-9a-fA-F]{64}$/, 'must be a SHA-256 in hex'),
      quota: quotaSchema,
    }),
  ),
  periodMs: z.int().min(1000).max(31_622_400_000).default(86_400_000),
  reserveTokens: z.int().min(0).max(10_000_000).default(1024),
  reservationMs: z.int().min(1000).max(86_400_000).default(330_000),
  streamUsage: z.enum(['continuous', 'final', 'off']).default('continuous'),
  gpus: z.number().positive().max(1024).default(1),
  replicas: z.int().min(1).max(100).default(1),
  keepDays: z.int().min(1).max(3650).default(90),
  onOutage: z.enum(['local', 'fail']).default('local'),
  maxPending: z.int().min(1).max(10_000_000).default(100_000),
});

/** Accounting that is on, with every default filled in. */
export type AccountingConfig = z.output<typeof accountingSchema>;
