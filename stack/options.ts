import { z } from 'zod';
import { edgeOptionsSchema } from './edge/options.ts';
import { gatewayConfigSchema } from './gateway/config.ts';
import { limitsSchema, redisTimeoutSchema } from './gateway/limits/config.ts';
import { inferenceConfigSchema } from './inference/config.ts';
import { prometheusOptionsSchema } from './observability/options.ts';
import { redisOptionsSchema } from './redis/options.ts';
import type { ToolName } from './tools.ts';

/**
 * How a supervisor brings a replica back after an exit: it waits `initialMs`, then `factor` times as long at each further
 * exit, at most `maxMs`. Once a replica has served for a while the wait starts over. `off`: it stays down.
 */
const restartSchema = z.union([
  z.literal('off'),
  z.strictObject({
    initialMs: z.number().min(0).max(3_600_000).default(200),
    factor: z.number().min(1).max(10).default(2),
    maxMs: z.number().min(0).max(3_600_000).default(10_000),
  }),
]);

/** A validated restart policy. */
export type RestartPolicy = z.output<typeof restartSchema>;

/** Policy of replicas without an option for it. */
export const DEFAULT_RESTART: RestartPolicy = restartSchema.parse({});

const clientPort = z.int().min(0).max(65_535).default(0);

const gatewayOptions = gatewayConfigSchema
  .pick({
    balancer: true,
    healthChecks: true,
    ejection: true,
    retries: true,
    timeouts: true,
    connections: true,
    maxBodyBytes: true,
    maxJsonDepth: true,
  })
  .extend({
    limits: z
      .union([
        z.literal('off'),
        limitsSchema.omit({ redis: true, replicas: true }).extend({ redisTimeoutMs: redisTimeoutSchema }),
      ])
      .default('off')
      .describe('shared through the Redis of the stack; without one each gateway enforces its part'),
    replicas: z.int().min(1).max(16).default(1),
    port: clientPort.describe("the first gateway's port for clients where there is no edge; 0 takes a free one"),
  });

const inferenceOptions = inferenceConfigSchema
  .pick({ profile: true, maxBatch: true, maxBatchedTokens: true, kvCapacityTokens: true })
  .extend({
    replicas: z.int().min(1).max(64).default(3),
    maxReplicas: z
      .int()
      .min(1)
      .max(64)
      .optional()
      .describe(
        'maximum accepted by the Scale API, by default `replicas`; those beyond `replicas` start when scaling up',
      ),
    restart: restartSchema.prefault({}).describe('what the supervisor does when a replica exits'),
  })
  .refine(({ replicas, maxReplicas = replicas }) => maxReplicas >= replicas, {
    path: ['maxReplicas'],
    message: 'expected at least `replicas`',
  });

/** Discovery by a control service, where replicas register. `off`: gateways get a fixed list of replicas at startup. */
const controlOptions = z.strictObject({
  ttlMs: z
    .number()
    .min(100)
    .max(3_600_000)
    .default(3000)
    .describe('time without a heartbeat after which a replica is considered dead'),
  waitMs: z.number().min(100).max(600_000).default(5000).describe('maximum wait of one blocking query'),
  keepLastGood: z.boolean().default(true).describe('gateways keep their upstreams while discovery fails'),
});

const redisOptions = redisOptionsSchema.extend({ restart: restartSchema.prefault({}) });
const edgeOptions = edgeOptionsSchema
  .omit({ trustedProxies: true })
  .extend({ port: clientPort.describe('port for clients; 0 takes a free one') });

function tool<Options extends z.ZodType>(options: Options, what: string) {
  const schema = z.union([z.enum(['off', 'auto']), options]).default('off');
  return schema.describe(
    `${what}; "auto": with its defaults where its program is found, else off; an object: required`,
  );
}

/** The `stack` section of a scenario. Unknown keys are errors. */
export const stackOptionsSchema = z.strictObject({
  zones: z.int().min(1).max(4).default(1).describe('replicas of a service spread over zone-a, zone-b, … in turn'),
  gateway: gatewayOptions.prefault({}),
  inference: inferenceOptions.prefault({}),
  control: z.union([z.literal('off'), controlOptions]).default('off'),
  edge: tool(edgeOptions, 'nginx in front of the gateways'),
  redis: tool(redisOptions, 'where gateways share their limits'),
  prometheus: tool(prometheusOptionsSchema, 'scrapes every service, with rules and alerts'),
});

/** Stack options with every default filled in. */
export type StackOptions = z.output<typeof stackOptionsSchema>;

/** Stack options without `auto`. */
export type SettledOptions = Omit<StackOptions, 'edge' | 'redis' | 'prometheus'> & {
  readonly [Part in 'edge' | 'redis' | 'prometheus']: Exclude<StackOptions[Part], 'auto'>;
};

/** Replaces `auto` by the defaults where the program is found, else by `off`. */
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
