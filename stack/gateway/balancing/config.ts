import { z } from 'zod';

/** Weight of an upstream relative to others. */
export const balancerWeight = z.int().min(1).max(1000);

const POLICIES = ['weighted', 'ip-hash', 'session-hash', 'least-queue', 'least-kv', 'prefix'] as const;

/**
 * Load up to which a replica is preferred, see `load-bound.ts`: `maxLoad` times the average of those that may be picked, and `minLoad`
 * requests in any case.
 */
const bound = {
  maxLoad: z.number().min(1).max(100).default(1.25),
  minLoad: z.int().min(1).max(100_000).default(8),
};

/** How the replicas' own metrics are read: `GET path` every `pollMs`; what is older than `maxAgeMs` does not count. */
const reports = {
  path: z.string().startsWith('/').default('/metrics'),
  pollMs: z.number().min(50).max(3_600_000).default(1000),
  maxAgeMs: z.number().min(50).max(3_600_000).default(3000),
};

const withReports = <Policy extends 'least-queue' | 'least-kv'>(policy: Policy) =>
  z
    .strictObject({ policy: z.literal(policy), ...reports })
    .refine(({ pollMs, maxAgeMs }) => maxAgeMs >= pollMs, { path: ['maxAgeMs'], message: 'must be at least `pollMs`' });

/**
 * Which of the upstreams that may get a request gets it, see docs/gateway-balancing.md.
 *
 * - `weighted`: in turn, in proportion to `weights` by name, 1 for those that are not listed
 * - `ip-hash`, `session-hash`: always the same for an address of a client, or a value of `header`
 * - `least-queue`, `least-kv`: the one that reports the fewest requests, or the most free KV cache
 * - `prefix`: the one that was sent what the prompt begins with, compared in blocks of `blockBytes`, `maxBlocks` of a prompt at most, of which
 *   `tableBlocks` are remembered
 */
export const balancerSchema = z.union(
  [
    z.enum(['least-connections', 'round-robin']),
    z.discriminatedUnion(
      'policy',
      [
        z.strictObject({
          policy: z.literal('weighted'),
          weights: z.record(z.string(), balancerWeight).default({}),
        }),
        z.strictObject({ policy: z.literal('ip-hash'), ...bound }),
        z.strictObject({
          policy: z.literal('session-hash'),
          header: z
            .string()
            .regex(/^[a-z0-9!#$%&'*+.^_`|~-]{1,64}$/, 'must be the name of a header in lower case')
            .default('x-session-id'),
          ...bound,
        }),
        withReports('least-queue'),
        withReports('least-kv'),
        z.strictObject({
          policy: z.literal('prefix'),
          blockBytes: z.int().min(16).max(65_536).multipleOf(4).default(512),
          maxBlocks: z.int().min(1).max(1024).default(64),
          tableBlocks: z.int().min(1).max(1_048_576).default(65_536),
          ...bound,
        }),
      ],
      { error: wanted },
    ),
  ],
  { error: wanted },
);

function wanted({ input }: { readonly input?: unknown }): string {
  if (typeof input === 'object' && input !== null) return `expected one of ${POLICIES.join(', ')}`;
  return `expected least-connections, round-robin, or an object whose \`policy\` is one of ${POLICIES.join(', ')}`;
}

/** Settings of balancing, with every default filled in. */
export type BalancerConfig = z.output<typeof balancerSchema>;
