import { z } from 'zod';
import { DEFAULT_CONNECTIONS, type RetryPlan } from '../../harness/plan.ts';
import { duration } from '../durations.ts';
import { times } from './quantities-schema.ts';
import { chatShape } from './workload-schema.ts';

const maxRetries = z.int().min(1).max(100).default(3).describe('maximum number of retries of a request');
const backoff = {
  maxRetries,
  baseDelay: duration().prefault('1s').describe('delay before the first retry; doubles with each further retry'),
  maxDelay: duration().prefault('60s').describe('maximum delay'),
  jitter: z
    .enum(['full', 'equal', 'none'])
    .default('full')
    .describe('full: delay from [0, d); equal: from [d/2, d); none: d'),
  retryAfter: z.boolean().default(true).describe('wait at least as long as Retry-After, up to a minute'),
};
const ordered = (of: { readonly baseDelay: number; readonly maxDelay: number }) => of.baseDelay <= of.maxDelay;
const DELAY = { path: ['maxDelay'], message: 'expected at least `baseDelay`' };

const policy = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('naive').describe('immediately'), maxRetries }),
    z.strictObject({ kind: z.literal('exponential'), ...backoff }).refine(ordered, DELAY),
    z
      .strictObject({
        kind: z.literal('budgeted').describe('exponential, with a retry budget that all clients share'),
        ...backoff,
        budgetRatio: z
          .number()
          .min(0)
          .max(1)
          .default(0.2)
          .describe('maximum ratio of retries to requests over the last 10 s'),
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
    after: times.describe('a duration, [min, max], or a distribution; the client then disconnects'),
    until: z.enum(['first-token', 'end']).default('end').describe('what the client waits for'),
    countAs: z
      .enum(['abandoned', 'failed'])
      .default('abandoned')
      .describe('abandoned: neither completed nor failed; failed: a failure of kind client-timeout'),
  })
  .transform(({ after: afterMs, ...own }) => ({ afterMs, ...own }))
  .describe('how long clients wait before they disconnect');

const userClass = z.strictObject({
  name: z
    .string()
    .max(100)
    .regex(/^[\w-]+$/, 'expected letters, digits, dashes and underscores'),
  weight: z.number().positive().default(1).describe('relative frequency of requests of this class'),
  key: z
    .string()
    .regex(/^[!-~]{1,4096}$/, 'expected printable ASCII without spaces')
    .optional()
    .describe('API key; "env:NAME" reads it from the environment and keeps it out of all files'),
  priority: z.int().min(0).max(9).optional().describe('value of the x-priority header; 0 is the highest priority'),
  workload: z.strictObject(chatShape).optional().describe("changes to the load's workload"),
  clientTimeout: clientTimeout.optional(),
  batch: z
    .strictObject({
      lines: z.int().min(1).max(100).default(10).describe('requests of a batch, all the same'),
      within: duration().prefault('20s').describe('time from acceptance to the results after which it is lost'),
    })
    .transform(({ lines, within: withinMs }) => ({ lines, withinMs }))
    .optional()
    .describe(
      'OpenAI’s batch API: each arrival submits a batch and fetches its results; its first token is the acceptance',
    ),
});

/** The `clients` section of a load. */
export const clientsSchema = z.strictObject({
  connections: z
    .enum(['reuse', 'per-user', 'fresh'])
    .default(DEFAULT_CONNECTIONS.kind)
    .describe('reuse: a pool for all users; per-user: each user (session) has its own; fresh: one for each request'),
  requestsPerConnection: z
    .union([z.int().min(1).max(1_000_000), z.literal('unlimited')])
    .optional()
    .describe(
      `number of requests after which a connection is replaced; by default ${DEFAULT_CONNECTIONS.maxRequests}, unlimited for per-user`,
    ),
  retry,
  clientTimeout: clientTimeout.optional(),
  classes: z.array(userClass).min(1).max(1000).optional(),
});

/** The `clients` section with its defaults filled in. */
export type ClientsInput = z.output<typeof clientsSchema>;
