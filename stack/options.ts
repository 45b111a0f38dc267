import { z } from 'zod';
import { autoscalerOptionsSchema } from './autoscaler/options.ts';
import { capacityOptionsSchema } from './capacity/options.ts';
import { edgeOptionsSchema } from './edge/options.ts';
import { accountingSchema, quotaSchema } from './gateway/accounting/config.ts';
import { admissionSchema, entitlementSchema, keysSchema } from './gateway/admission/config.ts';
import { batchSchema } from './gateway/batch/config.ts';
import { cacheSchema } from './gateway/cache/config.ts';
import { gatewayConfigSchema, queueSchema } from './gateway/config.ts';
import { encryptionSchema } from './gateway/encryption/config.ts';
import { identitySchema } from './gateway/identity/config.ts';
import { limitsSchema, redisTimeoutSchema } from './gateway/limits/config.ts';
import { preprocessClientSchema } from './gateway/preprocess/config.ts';
import { stackReleaseSchema } from './gateway/release/config.ts';
import { tracingSchema } from './gateway/tracing/config.ts';
import { inferenceConfigSchema } from './inference/config.ts';
import { prometheusOptionsSchema } from './observability/options.ts';
import { preprocessSchema } from './preprocess/config.ts';
import { redisOptionsSchema } from './redis/options.ts';
import type { ToolName } from './tools.ts';

/**
 * When a supervisor restarts a replica that has exited: after `baseDelayMs`, then `factor` times as long after each further exit, at
 * most `maxDelayMs`. A replica that was ready for a while starts over at `baseDelayMs`. `off`: never.
 */
const restartSchema = z.union([
  z.literal('off'),
  z.strictObject({
    baseDelayMs: z.number().min(0).max(3_600_000).default(200),
    factor: z.number().min(1).max(10).default(2),
    maxDelayMs: z.number().min(0).max(3_600_000).default(10_000),
  }),
]);

/** A validated restart policy. */
export type RestartPolicy = z.output<typeof restartSchema>;

/** Restart policy of services without a `restart` option. */
export const DEFAULT_RESTART: RestartPolicy = restartSchema.parse({});

const clientPort = z.int().min(0).max(65_535).default(0);

const gatewayOptions = gatewayConfigSchema
  .pick({
    balancer: true,
    healthChecks: true,
    ejection: true,
    breaker: true,
    zombies: true,
    bulkhead: true,
    retries: true,
    timeouts: true,
    hold: true,
    retryAfter: true,
    cors: true,
    connections: true,
    merge: true,
    maxBodyBytes: true,
    maxJsonDepth: true,
    guard: true,
    audit: true,
  })
  .extend({
    limits: z
      .union([
        z.literal('off'),
        limitsSchema.omit({ redis: true, replicas: true }).extend({ redisTimeoutMs: redisTimeoutSchema }),
      ])
      .default('off')
      .describe(
        'rate limits, shared through the Redis of the stack; without Redis each gateway enforces an equal part of them',
      ),
    admission: z
      .union([
        z.literal('off'),
        admissionSchema
          .omit({ replicas: true })
          .extend({ keys: keysSchema('key', entitlementSchema.safeExtend({ key: z.string().min(1).max(4096) })) }),
      ])
      .default('off')
      .describe(
        'priority queue in front of the replicas; `keys` are those of classes of clients, written as there; each gateway has an equal part of a fixed capacity',
      ),
    cache: z
      .union([
        z.literal('off'),
        cacheSchema.omit({ redis: true, key: true }).extend({ redisTimeoutMs: redisTimeoutSchema }),
      ])
      .default('off')
      .describe('cache of responses, in the Redis of the stack; needs `redis`'),
    batch: z
      .union([
        z.literal('off'),
        batchSchema
          .omit({ redis: true, key: true })
          .extend({ redisTimeoutMs: batchSchema.shape.redis.shape.timeoutMs }),
      ])
      .default('off')
      .describe(
        'OpenAI’s batch API, see docs/gateway-batch.md; needs `redis`, which then flushes every write to the disk',
      ),
    accounting: z
      .union([
        z.literal('off'),
        accountingSchema.omit({ redis: true, replicas: true }).extend({
          redisTimeoutMs: redisTimeoutSchema,
          keys: keysSchema('key', z.strictObject({ key: z.string().min(1).max(4096), quota: quotaSchema })),
        }),
      ])
      .default('off')
      .describe(
        'usage, cost and quotas of keys, in the Redis of the stack; needs `redis`; `keys` are those of classes of clients, written as there',
      ),
    identity: z
      .union([
        z.literal('off'),
        identitySchema.omit({ keys: true, clients: true, redis: true }).extend({ redisTimeoutMs: redisTimeoutSchema }),
      ])
      .default('off')
      .describe(
        'short-lived tokens instead of API keys, see docs/gateway-identity.md; revocations and used proofs are shared through the Redis of the stack',
      ),
    encryption: z
      .union([z.literal('off'), encryptionSchema.omit({ key: true })])
      .default('off')
      .describe('bodies encrypted by SM4 for clients that ask for it, see docs/gateway-encryption.md'),
    tracing: z
      .union([
        z.literal('off'),
        tracingSchema.omit({ endpoint: true }).extend({ ratio: z.number().min(0).max(1).default(1) }),
      ])
      .default('off')
      .describe('spans of requests, sent to a collector of the stack, see docs/tracing.md'),
    release: z
      .union([z.literal('off'), stackReleaseSchema])
      .default('off')
      .describe(
        'versions of the model with weights, see docs/gateway-release.md; those of `inference.versions`, shared through the Redis of the stack',
      ),
    queue: z
      .union([z.literal('off'), queueSchema])
      .optional()
      .describe(
        'where requests wait while no replica is healthy; by default off, and on if the autoscaler may scale to zero',
      ),
    replicas: z.int().min(1).max(16).default(1),
    port: clientPort.describe('client port of the first gateway, for a stack without an edge; 0 chooses a free port'),
  });

const inferenceOptions = inferenceConfigSchema
  .pick({
    profile: true,
    modelLoadMs: true,
    maxBatch: true,
    maxBatchedTokens: true,
    kvCapacityTokens: true,
    prefixCaching: true,
    drainMs: true,
  })
  .extend({
    replicas: z.int().min(1).max(64).default(3),
    maxReplicas: z
      .int()
      .min(1)
      .max(64)
      .optional()
      .describe('maximum of the Scale API, by default `replicas`; replicas beyond `replicas` are not started at first'),
    pricePerHour: z
      .number()
      .min(0)
      .max(100_000)
      .optional()
      .describe('what a replica costs, in dollars an hour; nodes of `capacity` have prices of their own'),
    restart: restartSchema.prefault({}).describe('when the supervisor restarts a replica that has exited'),
    versions: z
      .array(
        z.strictObject({
          name: z.string().regex(/^[\w.-]{1,64}$/, 'must be 1 to 64 letters, digits, dots, dashes and underscores'),
          replicas: z.int().min(1).max(64),
          slowdown: inferenceConfigSchema.shape.slowdown,
          errorRatio: inferenceConfigSchema.shape.errorRatio,
        }),
      )
      .max(16)
      .default([])
      .describe('versions of the model, for `gateway.release`: the first `replicas` have the first version, and so on'),
  })
  .refine(({ replicas, maxReplicas = replicas }) => maxReplicas >= replicas, {
    path: ['maxReplicas'],
    message: 'expected at least `replicas`',
  });

/** Discovery through a control service, where replicas register. `off`: gateways start with a fixed list of replicas. */
const controlOptions = z.strictObject({
  ttlMs: z
    .number()
    .min(100)
    .max(3_600_000)
    .default(3000)
    .describe('a replica without a heartbeat for this long counts as dead'),
  waitMs: z.number().min(100).max(600_000).default(5000).describe('maximum duration of one blocking query'),
  keepLastGood: z.boolean().default(true).describe('gateways keep the last list of replicas while discovery fails'),
});

const redisOptions = redisOptionsSchema.extend({ restart: restartSchema.prefault({}) });
const edgeOptions = edgeOptionsSchema
  .omit({ trustedProxies: true })
  .extend({ port: clientPort.describe('client port; 0 chooses a free port') });

/** A part of the stack that needs a program which may not be installed. */
function tool<Options extends z.ZodType>(options: Options, what: string) {
  return z
    .union([z.enum(['off', 'auto']), options])
    .default('off')
    .describe(`${what}; an object: required; "auto": with its defaults if its program is installed, otherwise off`);
}

/** The `stack` section of a scenario. Unknown keys are errors. */
export const stackOptionsSchema = z.strictObject({
  zones: z
    .int()
    .min(1)
    .max(4)
    .default(1)
    .describe('number of zones; replicas of a service are assigned to zone-a, zone-b, … in turn'),
  gateway: gatewayOptions.prefault({}),
  inference: inferenceOptions.prefault({}),
  control: z.union([z.literal('off'), controlOptions]).default('off'),
  autoscaler: z
    .union([z.literal('off'), autoscalerOptionsSchema])
    .default('off')
    .describe('the HorizontalPodAutoscaler of Kubernetes, which scales the inference replicas; needs `control`'),
  capacity: z
    .union([z.literal('off'), capacityOptionsSchema])
    .default('off')
    .describe('nodes with GPUs on which replicas need a place; needs `control`. off: there is room for all'),
  preprocess: z
    .union([
      z.literal('off'),
      preprocessSchema.extend({
        replicas: z.int().min(1).max(5).default(1),
        gateway: preprocessClientSchema.prefault({}).describe('what gateways send there, and how long they wait'),
      }),
    ])
    .default('off')
    .describe('pools of workers that prepare requests before they are sent to replicas, see docs/preprocess.md'),
  edge: tool(edgeOptions, 'nginx in front of the gateways'),
  redis: tool(redisOptions, 'Redis, where gateways share their rate limits'),
  prometheus: tool(prometheusOptionsSchema, 'Prometheus, which scrapes every service, with rules and alerts'),
});

/** Stack options with every default filled in. */
export type StackOptions = z.output<typeof stackOptionsSchema>;

/** Stack options without `auto`. */
export type SettledOptions = Omit<StackOptions, 'edge' | 'redis' | 'prometheus'> & {
  readonly [Part in 'edge' | 'redis' | 'prometheus']: Exclude<StackOptions[Part], 'auto'>;
};

/** Replaces `auto` by the defaults of the part if its program is installed, otherwise by `off`. */
export function settleOptions(options: StackOptions, hasTool: (tool: ToolName) => boolean): SettledOptions {
  const { edge, redis, prometheus } = options;
  const orOff = <Part>(name: ToolName, schema: z.ZodType<Part>) => (hasTool(name) ? schema.parse({}) : 'off');
  return {
    ...options,
    edge: edge === 'auto' ? orOff('nginx', edgeOptions) : edge,
    redis: redis === 'auto' ? orOff('redis-server', redisOptions) : redis,
    prometheus: prometheus === 'auto' ? orOff('prometheus', prometheusOptionsSchema) : prometheus,
  };
}
