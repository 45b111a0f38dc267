import { z } from 'zod';
import { LEVEL_NAMES, levelOf } from './level.ts';

const positiveMs = z.number().positive().max(86_400_000);
const level = z.enum(LEVEL_NAMES);
const limit = z.int().min(1).max(100_000);

/**
 * Limit that follows the time to first token, see `adaptive-limit.ts`: from `initial` it grows to at most `max` while first tokens come within
 * `targetMs` of admission, otherwise it shrinks to `decreaseRatio` of itself, but not below `min`.
 */
const adaptiveSchema = z
  .strictObject({
    targetMs: positiveMs.default(1000),
    initial: limit.default(20),
    min: limit.default(4),
    max: limit.default(1000),
    decreaseRatio: z.number().min(0.1).max(0.99).default(0.9),
  })
  .superRefine(({ min, initial, max }, { addIssue }) => {
    const fail = (field: string, message: string) => addIssue({ code: 'custom', path: [field], message });
    if (max < min) fail('max', `must be at least \`min\` ${min}`);
    else if (initial < min || initial > max) fail('initial', `must be ${min} to ${max}`);
  });

/**
 * One level: at most `maxWaiting` of its requests wait, each for at most `maxWaitMs`, and they use at most `maxRatio` of the capacity, but at
 * least one slot.
 */
const levelSchema = (maxWaiting: number, maxWaitMs: number, maxRatio = 1) =>
  z
    .strictObject({
      maxWaiting: z.int().min(0).max(1_000_000).default(maxWaiting),
      maxWaitMs: positiveMs.default(maxWaitMs),
      maxRatio: z.number().positive().max(1).default(maxRatio),
    })
    .prefault({});

/**
 * What a caller may ask for. `level`: that of its requests without an `x-priority`; by default normal, or `best` where that is batch. `weight`: its part
 * of the capacity that callers of one level compete for, relative to theirs.
 */
export const entitlementSchema = z
  .strictObject({
    best: level.default('interactive'),
    level: level.optional(),
    weight: z.number().min(0.01).max(1000).default(1),
  })
  .refine(({ best, level: own = best }) => levelOf(own) >= levelOf(best), {
    path: ['level'],
    message: 'must be no better than `best`',
  });

/** Entitlements of API keys, each with its key in `field`. */
export function keysSchema<Entry extends z.ZodType>(field: string, entry: Entry) {
  return z
    .array(entry)
    .superRefine((entries, { addIssue }) => {
      const keys = entries.map(own => String((own as Readonly<Record<string, unknown>>)[field]).toLowerCase());
      const index = keys.findIndex((key, at) => keys.indexOf(key) < at);
      if (index > 0) addIssue({ code: 'custom', path: [index, field], message: 'must not occur twice' });
    })
    .default([]);
}

const timeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a time of day in UTC such as 22:00');
const sha256 = z.string().regex(/^[0-9a-fA-F]{64}$/, 'must be a SHA-256 in hex');

/**
 * Admission by priority: how many requests are forwarded at once, and in which order the others wait, see `priority-queue.ts`.
 *
 * - `capacity`: requests at once to all upstreams together, each gateway with its part of `replicas`; or adaptive, by each gateway for itself.
 * - `reservedRatio` of the capacity is for urgent requests, and used by others once there has been none for `reservedIdleMs`.
 * - `turnAfter`: a level that waits is served after so many requests of better levels; batch requests only when `offPeak`.
 * - `fairQueuing`: callers share the capacity of a level by their weights; off: first in, first out, whoever it is.
 * - `offPeak`: daily, in UTC, `from` to `to`, when batch requests may use the whole capacity. Otherwise they are admitted when no other waits.
 * - `keys`: entitlements by the SHA-256 of API keys; those of all other callers are `otherKeys`.
 * - `retryAfterMs`: `Retry-After` of rejections.
 */
export const admissionSchema = z.strictObject({
  capacity: z.union([limit, adaptiveSchema]).prefault({}),
  replicas: z.int().min(1).max(100).default(1),
  reservedRatio: z.number().min(0).max(0.9).default(0.2),
  reservedIdleMs: z.number().min(0).max(86_400_000).default(5000),
  levels: z
    .strictObject({
      urgent: levelSchema(100, 5000),
      interactive: levelSchema(200, 500),
      normal: levelSchema(1000, 30_000),
      batch: levelSchema(10_000, 600_000, 0.5),
    })
    .prefault({}),
  turnAfter: z.int().min(1).max(1000).default(4),
  fairQueuing: z.enum(['by-key', 'off']).default('by-key'),
  offPeak: z
    .union([z.literal('off'), z.strictObject({ from: timeOfDay.default('22:00'), to: timeOfDay.default('06:00') })])
    .default('off'),
  keys: keysSchema('sha256', entitlementSchema.safeExtend({ sha256 })),
  otherKeys: entitlementSchema.prefault({}),
  retryAfterMs: z.number().min(0).max(86_400_000).default(1000),
});

/** Admission with every default filled in. */
export type AdmissionConfig = z.output<typeof admissionSchema>;
