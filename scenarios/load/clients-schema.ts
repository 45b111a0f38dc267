import { z } from 'zod';
import { duration, times } from './quantities-schema.ts';
import { chatShape } from './workload-schema.ts';

const retries = z.int().min(1).max(100).default(3).describe('retries after the first attempt');
const backoff = {
  most: retries,
  base: duration.default('1s').describe('before the first retry; each further one doubles it'),
  longest: duration.default('60s').describe('bound of every wait'),
  jitter: z
    .enum(['full', 'equal', 'none'])
    .default('full')
    .describe('drawn from [0, wait), [wait/2, wait), or not at all'),
  retryAfter: z.boolean().default(true).describe('wait at least as long as Retry-After says, up to a minute'),
};

const retry = z
  .union([
    z.enum(['none', 'naive', 'exponential', 'budgeted']),
    z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('naive').describe('at once'), most: retries }),
      z.strictObject({ kind: z.literal('exponential'), ...backoff }),
      z.strictObject({
        kind: z.literal('budgeted').describe('exponential, and together no more than a share of the requests'),
        ...backoff,
        budgetRatio: z.number().min(0).max(1).default(0.2).describe('retries per request, over the last 10 s'),
      }),
    ]),
  ])
  .default('none');

const patience = z
  .strictObject({
    after: times.describe('a duration, [min, max], or a distribution: when a client that still waits disconnects'),
    until: z.enum(['first-token', 'end']).default('end').describe('what it waits for'),
    counts: z
      .enum(['apart', 'failed'])
      .default('apart')
      .describe('apart: the outcome is abandoned, neither completed nor failed; failed: client-timeout, a failure'),
  })
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
  patience: patience.optional(),
});

/** The `clients` of a load. */
export const clientsSchema = z.strictObject({
  retry,
  patience: patience.optional(),
  classes: z.array(userClass).min(1).optional(),
});

/** The `clients` section with its defaults filled in. */
export type ClientsInput = z.output<typeof clientsSchema>;
