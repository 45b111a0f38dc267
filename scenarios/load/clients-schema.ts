import { z } from 'zod';
import type { RetryPlan } from '../../harness/plan.ts';
import { duration } from '../durations.ts';
import { times } from './quantities-schema.ts';
import { chatShape } from './workload-schema.ts';

const maxRetries = z.int().min(1).max(100).default(3).describe('retries after the first attempt');
const backoff = {
  maxRetries,
  baseDelay: duration().prefault('1s').describe('before the first retry; each further one doubles it'),
  maxDelay: duration().prefault('60s').describe('bound of every wait'),
  jitter: z
    .enum(['full', 'equal', 'none'])
    .default('full')
    .describe('drawn from [0, wait), [wait/2, wait), or not at all'),
  retryAfter: z.boolean().default(true).describe('wait at least as long as Retry-After says, up to a minute'),
};
const ordered = (of: { readonly baseDelay: number; readonly maxDelay: number }) => of.baseDelay <= of.maxDelay;
const DELAY = { path: ['maxDelay'], message: 'expected at least `baseDelay`' };

const policy = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('naive').describe('at once'), maxRetries }),
    z.strictObject({ kind: z.literal('exponential'), ...backoff }).refine(ordered, DELAY),
    z
      .strictObject({
        kind: z.literal('budgeted').describe('exponential, and together no more than a share of the requests'),
        ...backoff,
        budgetRatio: z.number().min(0).max(1).default(0.2).describe('retries per request, over the last 10 s'),
      })
      .refine(ordered, DELAY),
  ])
  .transform((own): RetryPlan => {
    const plan = { maxRetries: own.maxRetries, budgetRatio: own.kind === 'budgeted' ? own.budgetRatio : null };
    if (own.kind === 'naive') return { ...plan, baseDelayMs: 0, maxDelayMs: 0, jitter: 'none', retryAfter: false };
    const { baseDelay, maxDelay, jitter, retryAfter } = own;
    return { ...plan, baseDelayMs: baseDelay, maxDelayMs: maxDelay, jitter, retryAfter };
  });

const retry = z
  .union([
    z
      .enum(['none', 'naive', 'exponential', 'budgeted'])
      .transform(kind => (kind === 'none' ? null : policy.parse({ kind }))),
    policy,
  ])
  .prefault('none');

const clientTimeout = z
  .strictObject({
    after: times.describe('a duration, [min, max], or a distribution: when a client that still waits disconnects'),
    until: z.enum(['first-token', 'end']).default('end').describe('what it waits for'),
    countAs: z
      .enum(['abandoned', 'failed'])
      .default('abandoned')
      .describe('apart: the outcome is abandoned, neither completed nor failed; failed: client-timeout, a failure'),
  })
  .transform(({ after: afterMs, ...own }) => ({ afterMs, ...own }))
  .describe('clients that disconnect when they have waited enough');

const userClass = z.strictObject({
  name: z.string().regex(/^[\w-]+$/, 'expected letters, digits, dashes and underscores'),
  weight: z.number().positive().default(1).describe('its share is its weight over that of all classes'),
  key: z
    .string()
    .regex(/^[!-~]+$/, 'expected printable ASCII without spaces')
    .optional()
    .describe('API key; "env:NAME" is read from the environment and written nowhere'),
  priority: z.int().min(0).max(9).optional().describe('sent as x-priority, 0 the most urgent'),
  workload: z.strictObject(chatShape).optional().describe("what differs from the load's workload"),
  clientTimeout: clientTimeout.optional(),
});

/** The `clients` of a load. */
export const clientsSchema = z.strictObject({
  retry,
  clientTimeout: clientTimeout.optional(),
  classes: z.array(userClass).min(1).optional(),
});

/** The `clients` section with its defaults filled in. */
export type ClientsInput = z.output<typeof clientsSchema>;
