import { createHash, createHmac, randomBytes } from 'node:crypto';
import { extname, join } from 'node:path';
import { z } from 'zod';
import type { Protocol } from '../harness/contracts.ts';
import { type GatewayConfigInput, gatewayConfigSchema } from './gateway/config.ts';
import { limitsSchema, redisTimeoutSchema } from './gateway/limits/config.ts';
import { inferenceConfigSchema, parseInferenceConfig } from './inference/config.ts';
import { profiles } from './inference/profiles.ts';
import { redisOptionsSchema } from './redis/options.ts';
import { REDIS_USER } from './redis/render-redis-config.ts';
import { redisReplica } from './redis/replica.ts';
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

const gatewayOptions = gatewayConfigSchema
  .pick({ balancer: true, healthChecks: true, ejection: true, retries: true, timeouts: true })
  .extend({
    limits: z
      .union([
        z.literal('off'),
        limitsSchema.omit({ redis: true, replicas: true }).extend({ redisTimeoutMs: redisTimeoutSchema }),
      ])
      .default('off')
      .describe('shared through the Redis of the stack; without one each gateway enforces its share'),
    replicas: z.int().min(1).max(16).default(1),
    port: z.int().min(0).max(65_535).default(0).describe("the first gateway's port for clients; 0 takes a free one"),
  });

const inferenceOptions = inferenceConfigSchema
  .pick({ profile: true, maxBatch: true, maxBatchedTokens: true, kvCapacityTokens: true })
  .extend({
    replicas: z.int().min(1).max(64).default(3),
    restart: restartSchema.prefault({}).describe('what the supervisor does when a replica exits'),
  });

const redisOptions = redisOptionsSchema.extend({ restart: restartSchema.prefault({}) });

/** The `stack` section of a scenario. Unknown keys are errors. */
export const stackOptionsSchema = z.strictObject({
  gateway: gatewayOptions.prefault({}),
  inference: inferenceOptions.prefault({}),
  redis: z
    .union([z.enum(['off', 'auto']), redisOptions])
    .default('off')
    .describe('"auto": with its defaults where redis-server is found, else off; an object: required'),
});

/** Stack options with every default filled in. */
export type StackOptions = z.output<typeof stackOptionsSchema>;

/** Decides what is left to the machine: `auto` becomes the part with its defaults where its tool is there, else `off`. */
export function settleOptions(options: StackOptions, hasTool: (tool: ToolName) => boolean): StackOptions {
  if (options.redis !== 'auto') return options;
  return { ...options, redis: hasTool('redis-server') ? redisOptions.parse({}) : 'off' };
}

/** The addresses, all `host:port`, that a replica is told when it starts, and its directory. */
export interface Addresses {
  /** Where it listens. */
  readonly listen: string;
  /** Where each link that it uses listens, by the link's name. */
  readonly links: Readonly<Record<string, string>>;
  /** Where its own files lie, absolute. */
  readonly directory: string;
}

/** What a replica runs: a program of ours under Node, or a tool that is found on the machine or in its image. */
export type ReplicaExecutable =
  | {
      readonly kind: 'node';
      /** Absolute. */
      readonly program: string;
    }
  | { readonly kind: 'tool'; readonly tool: ToolName; args(addresses: Addresses): readonly string[] };

/** How one sees that a replica can serve: 2xx at a path, `PONG` from a Redis, or an accepted connection. */
export type ReadyProbe =
  | { readonly kind: 'http'; readonly path: string }
  | { readonly kind: 'redis'; readonly username: string; readonly password: string }
  | { readonly kind: 'tcp' };

/** One replica to be started. */
export interface ReplicaPlan {
  /** For example `inference-2`. */
  readonly name: string;
  readonly service: string;
  readonly run: ReplicaExecutable;
  /** What it speaks where it listens. */
  readonly protocol: Protocol;
  /** Passes once it can serve. */
  readonly ready: ReadyProbe;
  /** How long it takes by design until it is ready, in ms, scaled. */
  readonly coldStartMs: number;
  /** Names of the links that it uses. Replicas that use none start first. */
  readonly uses: readonly string[];
  readonly restart: RestartPolicy;
  /** Its configuration: variables beside those every process gets. */
  environment(addresses: Addresses): Readonly<Record<string, string>>;
  /** Files to be written into its directory before it starts, by name; private, for they may hold secrets. */
  files?(addresses: Addresses): Readonly<Record<string, string>>;
}

/** One breakable hop to be made. Replicas of the service it starts from share it. */
export interface LinkPlan {
  /** `from→to`, for example `gateway→inference-2`. */
  readonly name: string;
  /** The replica behind it. */
  readonly to: string;
  /** Where to listen; 0 takes a free port. */
  readonly port: number;
  /** Whether clients enter here. */
  readonly isEntry: boolean;
}

/**
 * Services and the links between them, before any address is known:
 *
 * ```
 * client ─▶ client→gateway-1 ─▶ gateway-1 ─┬▶ gateway→inference-1 ─▶ inference-1
 *        ─▶ client→gateway-2 ─▶ gateway-2 ─┼▶ gateway→inference-2 ─▶ inference-2
 *                                          └▶ gateway→redis ───────▶ redis-1
 * ```
 */
export interface Topology {
  readonly replicas: readonly ReplicaPlan[];
  readonly links: readonly LinkPlan[];
  /** What clients send as `Authorization`. */
  readonly authorization: string;
}

const REDIS_LINK = 'gateway→redis';

/** How long a gateway may finish running requests after SIGTERM, in ms; less than a platform waits before SIGKILL. */
const GATEWAY_DRAIN_MS = 2000;

/**
 * The reference stack for `options`.
 *
 * @param timeScale divides the model's load time
 * @param seed decides the words of the answers
 * @param apiKey what clients must present; the gateway is told only its SHA-256. @default a new random key
 * @throws SquallError `BAD_INFERENCE_CONFIG` when the options contradict each other
 */
export function topologyOf(options: StackOptions, timeScale: number, seed: number, apiKey = newApiKey()): Topology {
  const inference = numbered('inference', options.inference.replicas).map(name =>
    inferenceReplica(name, options.inference, timeScale, seed),
  );
  const hops = inference.map(replica => ({ name: `gateway→${replica.name}`, to: replica.name }));
  const redisPassword = derivedSecret(apiKey, 'redis');
  const redis = typeof options.redis === 'string' ? [] : [redisReplica(options.redis, redisPassword)];
  const apiKeyHash = createHash('sha256').update(apiKey).digest('hex');
  const gateways = numbered('gateway', options.gateway.replicas).map(name =>
    gatewayReplica(name, options, { hops, apiKeyHash, redisPassword: redis.length > 0 ? redisPassword : undefined }),
  );
  const entries = gateways.map(({ name }, index) => ({
    name: `client→${name}`,
    to: name,
    port: index === 0 ? options.gateway.port : 0,
    isEntry: true,
  }));
  return {
    replicas: [...inference, ...redis, ...gateways],
    links: [
      ...entries,
      ...[...hops, ...redis.map(({ name }) => ({ name: REDIS_LINK, to: name }))].map(hop => ({
        ...hop,
        port: 0,
        isEntry: false,
      })),
    ],
    authorization: `Bearer ${apiKey}`,
  };
}

/** Every link that a fault can name. */
export function linkNames(topology: Topology): string[] {
  return topology.links.map(link => link.name);
}

/** Every replica that a fault can name. */
export function replicaNames(topology: Topology): string[] {
  return topology.replicas.map(replica => replica.name);
}

function inferenceReplica(name: string, options: StackOptions['inference'], timeScale: number, seed: number) {
  const { replicas: _replicas, restart, ...engine } = options;
  // Served under the profile's name, so that requests name the same model whatever stands behind it.
  const config = JSON.stringify({ ...engine, name, model: engine.profile, timeScale, seed });
  parseInferenceConfig(config);
  return {
    name,
    service: 'inference',
    run: { kind: 'node', program: program('inference') },
    protocol: 'http',
    ready: { kind: 'http', path: '/readyz' },
    coldStartMs: profiles[engine.profile].modelLoadMs / timeScale,
    uses: [],
    restart,
    environment: ({ listen }: Addresses) => ({ LISTEN: listen, INFERENCE_CONFIG: config }),
  } satisfies ReplicaPlan;
}

/** What gateways are told of the rest. */
interface GatewaySurroundings {
  readonly hops: readonly { readonly name: string; readonly to: string }[];
  readonly apiKeyHash: string;
  /** Undefined without a Redis. */
  readonly redisPassword: string | undefined;
}

function gatewayReplica(name: string, { gateway, inference }: StackOptions, surroundings: GatewaySurroundings) {
  const { hops, apiKeyHash, redisPassword } = surroundings;
  const { replicas, port: _port, limits, ...behaviour } = gateway;
  const limitsWith = (links: Addresses['links']): GatewayConfigInput['limits'] => {
    if (limits === 'off') return 'off';
    const { redisTimeoutMs: timeoutMs, ...rest } = limits;
    if (redisPassword === undefined) return { ...rest, replicas };
    return {
      ...rest,
      replicas,
      redis: { url: `redis://${REDIS_USER}:${redisPassword}@${links[REDIS_LINK]}`, timeoutMs },
    };
  };
  const configOf = (links: Addresses['links']): GatewayConfigInput => ({
    ...behaviour,
    name,
    models: [inference.profile],
    upstreams: hops.map(hop => ({ name: hop.to, url: `http://${links[hop.name]}` })),
    apiKeyHashes: [apiKeyHash],
    drainMs: GATEWAY_DRAIN_MS,
    limits: limitsWith(links),
  });
  return {
    name,
    service: 'gateway',
    run: { kind: 'node', program: program('gateway') },
    protocol: 'http',
    ready: { kind: 'http', path: '/readyz' },
    coldStartMs: 0,
    uses: [...hops.map(hop => hop.name), ...(redisPassword === undefined ? [] : [REDIS_LINK])],
    restart: restartSchema.parse({}),
    environment: ({ listen, links }: Addresses) => ({
      LISTEN: listen,
      GATEWAY_CONFIG: JSON.stringify(configOf(links)),
    }),
  } satisfies ReplicaPlan;
}

/** TypeScript in a checkout, JavaScript in a published package. */
function program(service: string): string {
  return join(import.meta.dirname, service, `main${extname(import.meta.filename)}`);
}

function numbered(service: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${service}-${index + 1}`);
}

/** A secret of the run for one service, which follows from the API key so that one random number decides them all. */
function derivedSecret(apiKey: string, service: string): string {
  return createHmac('sha256', apiKey).update(service).digest('hex');
}

function newApiKey(): string {
  return `sk-${randomBytes(24).toString('hex')}`;
}
