import { createHash, randomBytes } from 'node:crypto';
import { extname, join } from 'node:path';
import { z } from 'zod';
import type { ControlConfigInput } from './control/config.ts';
import { type GatewayConfigInput, gatewayConfigSchema } from './gateway/config.ts';
import { type InferenceConfigInput, inferenceConfigSchema, parseInferenceConfig } from './inference/config.ts';
import { profiles } from './inference/profiles.ts';

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
    replicas: z.int().min(1).max(16).default(1),
    port: z.int().min(0).max(65_535).default(0).describe("the first gateway's port for clients; 0 takes a free one"),
  });

const inferenceOptions = inferenceConfigSchema
  .pick({ profile: true, maxBatch: true, maxBatchedTokens: true, kvCapacityTokens: true })
  .extend({
    replicas: z.int().min(1).max(64).default(3),
    restart: restartSchema.prefault({}).describe('what the supervisor does when a replica exits'),
  });

/** Discovery by a control service: replicas register there, gateways ask it who is there. `off`: gateways are told at their start. */
const controlSchema = z.union([
  z.literal('off'),
  z.strictObject({
    ttlMs: z
      .number()
      .min(100)
      .max(3_600_000)
      .default(3000)
      .describe('unheard of for this long, a replica counts as dead'),
    waitMs: z.number().min(100).max(600_000).default(5000).describe('longest wait of one query for changes'),
    keepLastGood: z.boolean().default(true).describe('gateways keep their upstreams while discovery fails'),
  }),
]);

/** The `stack` section of a scenario. Unknown keys are errors. */
export const stackOptionsSchema = z.strictObject({
  gateway: gatewayOptions.prefault({}),
  inference: inferenceOptions.prefault({}),
  control: controlSchema.default('off'),
});

/** Stack options with every default filled in. */
export type StackOptions = z.output<typeof stackOptionsSchema>;

/** The addresses, all `host:port`, that a replica is told when it starts. */
export interface Addresses {
  /** Where it listens. */
  readonly listen: string;
  /** Where each link that it uses or advertises listens, by the link's name. */
  readonly links: Readonly<Record<string, string>>;
}

/** One replica to be started. */
export interface ReplicaPlan {
  /** For example `inference-2`. */
  readonly name: string;
  readonly service: string;
  /** The zone it stands in, for example `zone-a`. */
  readonly zone: string;
  /** The Node program, absolute. */
  readonly program: string;
  /** Answers 2xx once it can serve. */
  readonly readyPath: string;
  /** Answers 2xx while its process works, also before it can serve. */
  readonly livePath: string;
  /** How long it takes by design until it is ready, in ms, scaled. */
  readonly coldStartMs: number;
  /** Names of the links that it uses. It starts after those who stand behind them. */
  readonly uses: readonly string[];
  /** Names of links that lead to it, whose addresses it is told so that it can tell others. */
  readonly advertises?: readonly string[];
  readonly restart: RestartPolicy;
  /** Its configuration: variables beside those every process gets. */
  environment(addresses: Addresses): Readonly<Record<string, string>>;
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
  /** The zone of those who use it, if they all are in one. */
  readonly fromZone?: string;
}

/**
 * Services and the links between them, before any address is known:
 *
 * ```
 * client ─▶ client→gateway-1 ─▶ gateway-1 ─┬▶ gateway→inference-1 ─▶ inference-1
 *        ─▶ client→gateway-2 ─▶ gateway-2 ─┴▶ gateway→inference-2 ─▶ inference-2
 *                                  └ who is there? ▶ gateway→control ─▶ control ◀─ inference→control ◀ I am here ┘
 * ```
 *
 * The lower line is there with `control` alone. Replicas then register the addresses of their links, not their own.
 */
export interface Topology {
  readonly replicas: readonly ReplicaPlan[];
  readonly links: readonly LinkPlan[];
  /** What clients send as `Authorization`. */
  readonly authorization: string;
}

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
  const control = options.control === 'off' ? [] : [controlReplica(options)];
  const inference = numbered('inference', options.inference.replicas).map(name =>
    inferenceReplica(name, options, timeScale, seed),
  );
  const hops = inference.map(replica => ({ name: `gateway→${replica.name}`, to: replica.name }));
  const gateways = numbered('gateway', options.gateway.replicas).map(name =>
    gatewayReplica(name, options, hops, createHash('sha256').update(apiKey).digest('hex')),
  );
  const entries = gateways.map(({ name }, index) => ({
    name: `client→${name}`,
    to: name,
    port: index === 0 ? options.gateway.port : 0,
    isEntry: true,
  }));
  const discovery = control.flatMap(({ name: to }) =>
    [TO_CONTROL.gateway, TO_CONTROL.inference].map(name => ({ name, to })),
  );
  return {
    replicas: [...control, ...inference, ...gateways],
    links: [...entries, ...[...hops, ...discovery].map(hop => ({ ...hop, port: 0, isEntry: false }))],
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

const FIRST_ZONE = 'zone-a';
const TO_CONTROL = { gateway: 'gateway→control', inference: 'inference→control' } as const;

function controlReplica({ inference }: StackOptions) {
  const config: ControlConfigInput = {
    deployments: [{ name: 'inference', replicas: inference.replicas, min: 1, max: 64 }],
  };
  return {
    name: 'control',
    service: 'control',
    zone: FIRST_ZONE,
    program: program('control'),
    readyPath: '/readyz',
    livePath: '/healthz',
    coldStartMs: 0,
    uses: [],
    restart: restartSchema.parse({}),
    environment: ({ listen }: Addresses) => ({ LISTEN: listen, CONTROL_CONFIG: JSON.stringify(config) }),
  } satisfies ReplicaPlan;
}

function inferenceReplica(name: string, { inference, control }: StackOptions, timeScale: number, seed: number) {
  const { replicas: _replicas, restart, ...engine } = inference;
  const entrance = `gateway→${name}`;
  // Served under the profile's name, so that requests name the same model whatever stands behind it.
  const config: InferenceConfigInput = { ...engine, name, model: engine.profile, timeScale, seed };
  parseInferenceConfig(JSON.stringify(config));
  const registration = (links: Addresses['links']): Pick<InferenceConfigInput, 'registration'> => {
    if (control === 'off') return {};
    const url = `http://${links[TO_CONTROL.inference]}`;
    return { registration: { url, advertise: links[entrance]!, ttlMs: control.ttlMs } };
  };
  return {
    name,
    service: 'inference',
    zone: FIRST_ZONE,
    program: program('inference'),
    readyPath: '/readyz',
    livePath: '/healthz',
    coldStartMs: profiles[engine.profile].modelLoadMs / timeScale,
    uses: control === 'off' ? [] : [TO_CONTROL.inference],
    advertises: control === 'off' ? [] : [entrance],
    restart,
    environment: ({ listen, links }: Addresses) => ({
      LISTEN: listen,
      INFERENCE_CONFIG: JSON.stringify({ ...config, ...registration(links) }),
    }),
  } satisfies ReplicaPlan;
}

function gatewayReplica(
  name: string,
  { gateway, inference, control }: StackOptions,
  hops: readonly { readonly name: string; readonly to: string }[],
  apiKeyHash: string,
) {
  const { replicas: _replicas, port: _port, ...behaviour } = gateway;
  const configOf = (links: Addresses['links']): GatewayConfigInput => ({
    ...behaviour,
    name,
    models: [inference.profile],
    ...(control === 'off'
      ? { upstreams: hops.map(hop => ({ name: hop.to, url: `http://${links[hop.name]}` })) }
      : {
          upstreams: [],
          discovery: {
            url: `http://${links[TO_CONTROL.gateway]}`,
            waitMs: control.waitMs,
            keepLastGood: control.keepLastGood,
          },
        }),
    apiKeyHashes: [apiKeyHash],
    drainMs: GATEWAY_DRAIN_MS,
  });
  return {
    name,
    service: 'gateway',
    zone: FIRST_ZONE,
    program: program('gateway'),
    readyPath: '/readyz',
    livePath: '/healthz',
    coldStartMs: 0,
    // With discovery it is not told of the hops, but it still comes after those behind them.
    uses: [...hops.map(hop => hop.name), ...(control === 'off' ? [] : [TO_CONTROL.gateway])],
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

function newApiKey(): string {
  return `sk-${randomBytes(24).toString('hex')}`;
}
