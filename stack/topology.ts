import { createHash } from 'node:crypto';
import type { SecretBytes } from '../harness/host/secrets.ts';
import type { Login, TokenLogin } from '../harness/http/login.ts';
import { newProofKey } from '../harness/http/proof.ts';
import { maxInference } from './autoscaler/bounds.ts';
import { autoscalerReplica } from './autoscaler/replica.ts';
import { type CapacityPlan, capacityPlan } from './capacity/spec.ts';
import { collectorReplica } from './collector/replica.ts';
import { controlReplica } from './control/replica.ts';
import { makeAuthority } from './edge/certificates.ts';
import { type EntryAuthority, edgeReplica } from './edge/replica.ts';
import { TOKEN_PATH } from './gateway/identity/config.ts';
import { gatewayReplica } from './gateway/replica.ts';
import { inferenceReplica } from './inference/replica.ts';
import { numbered, zonesNamed } from './naming.ts';
import { prometheusReplica } from './observability/replica.ts';
import { DEFAULT_RESTART, type SettledOptions } from './options.ts';
import { preprocessReplicas } from './preprocess/replica.ts';
import { redisReplica } from './redis/replica.ts';
import type { ReplicaPlan, ServicePlan, TopologyParts } from './replica-plan.ts';
import { newToken } from './token.ts';

const PLAN_DEFAULTS = { coldStartMs: 0, uses: [], restart: DEFAULT_RESTART, environment: () => ({}) };

/** Plan of one link. It is shared by the replicas of the source service, per zone if there are several. */
export interface LinkPlan {
  /** `from→to`, for example `gateway→inference-2`. */
  readonly name: string;
  /** Replica behind the link. */
  readonly to: string;
  /** Listen port; 0 takes a free one. */
  readonly port: number;
  /** Users of the link: clients, services of the stack, or operators (people and tools that manage the stack). */
  readonly usedBy: 'clients' | 'services' | 'operators';
  /** Zone of its users, if they are all in one zone. */
  readonly fromZone?: string;
}

/**
 * Topology of a stack: services and the links between them, before addresses are assigned:
 *
 * ```
 * client ─▶ edge ─┬▶ gateway-1 ─┬▶ inference-1 ─┐
 *                 └▶ gateway-2 ─┼▶ inference-2 ─┼─▶ control      each ─▶ is a link
 *                     │    │    └▶ …            │      ▲
 *                   redis  └──────── discovery ────────┘         prometheus ─▶ every service      gateway ─▶ preprocess-n
 * ```
 *
 * Edge, Redis, Prometheus, control, the pools of preprocessing, the collector of spans and the autoscaler, which uses links to all that have metrics, are optional. Without an edge each gateway has its own entry link. With control, replicas
 * register the addresses of their links instead of their own.
 */
export interface Topology {
  readonly replicas: readonly ReplicaPlan[];
  readonly links: readonly LinkPlan[];
  /** Clients' `Authorization` header. */
  readonly authorization: string;
  /** How clients exchange their API key for tokens; absent where they send it. */
  readonly login?: TokenLogin;
  /** Authority of the edge's certificate, if clients connect over TLS; created on first use. */
  readonly entryAuthority?: EntryAuthority;
  /** Login of the stack's Prometheus, if it has one. */
  readonly prometheusLogin?: Login;
  /** Nodes for inference replicas; absent where there is room for all. */
  readonly capacity?: CapacityPlan;
}

/** What no two stacks have in common. */
export interface TopologySecrets {
  /** Source of keys and passwords. */
  readonly secret: SecretBytes;
  /** Date around which certificates are valid. */
  readonly now: Date;
  /** API key of clients, of which the gateway receives only the SHA-256. @default a new one */
  readonly apiKey?: string;
  /** Additional accepted API keys, one per customer. @default none */
  readonly clientKeys?: readonly string[];
}

/**
 * Builds the topology of the reference stack for `options`.
 *
 * @param timeScale divides the model's load time
 * @param seed determines the generated words
 * @throws SquallError `BAD_INFERENCE_CONFIG` when the options contradict each other
 */
export function topologyOf(
  options: SettledOptions,
  timeScale: number,
  seed: number,
  { secret, now, apiKey = `sk-${secret(24).toString('hex')}`, clientKeys = [] }: TopologySecrets,
): Topology {
  const { identity } = options.gateway;
  const redisPassword = newToken(secret);
  const parts: TopologyParts = {
    options,
    timeScale,
    seed,
    apiKeyHashes: [apiKey, ...clientKeys].map(key => createHash('sha256').update(key).digest('hex')),
    redisPassword,
    cacheKey: options.gateway.cache === 'off' ? undefined : secret(32).toString('hex'),
    ...(identity !== 'off' && { signingKeys: newProofKey(secret) }),
    ...(options.gateway.batch !== 'off' && { batchKey: secret(32).toString('hex') }),
    ...(options.gateway.encryption !== 'off' && { encryptionKey: secret(32).toString('hex') }),
    zones: zonesNamed(options.zones),
  };
  const { gateway, edge, redis, prometheus, control, autoscaler, capacity } = options;
  const hasTls = edge !== 'off' && edge.tls !== 'off';
  const entryAuthority = hasTls ? lazily(() => makeAuthority(now)) : undefined;
  const prometheusLogin = prometheus === 'off' ? undefined : { username: 'squall', password: newToken(secret) };
  const measured = [
    ...(control === 'off' ? [] : [controlReplica(parts)]),
    ...numbered('inference', maxInference(options)).map(name => inferenceReplica(name, parts)),
    ...numbered('gateway', gateway.replicas).map(name => gatewayReplica(name, parts)),
  ];
  const scraped = [
    ...measured,
    ...preprocessReplicas(parts),
    ...(autoscaler === 'off' ? [] : [autoscalerReplica(autoscaler, parts, measured, prometheusLogin)]),
  ];
  const planned: ServicePlan[] = [
    ...(redis === 'off' ? [] : [redisReplica(redis, parts)]),
    ...(gateway.tracing === 'off' ? [] : [collectorReplica(parts)]),
    ...scraped,
    ...(edge === 'off' ? [] : [edgeReplica(edge, parts, entryAuthority)]),
    ...(prometheus === 'off' ? [] : [prometheusReplica(prometheus, prometheusLogin!, parts, scraped)]),
  ];
  const replicas = planned.map(plan => ({ ...PLAN_DEFAULTS, ...plan }));
  return {
    replicas,
    links: [...entryLinks(parts), ...serviceLinks(replicas), ...operatorLinks(replicas)],
    authorization: `Bearer ${apiKey}`,
    ...(identity !== 'off' && identity.bearer !== 'keys' && { login: loginOf(identity.bearer, secret) }),
    ...(entryAuthority ? { entryAuthority } : {}),
    ...(prometheusLogin ? { prometheusLogin } : {}),
    ...(capacity === 'off' ? {} : { capacity: capacityPlan(capacity, parts) }),
  };
}

/** Clients bind their tokens to a key of their own, unless bearers are accepted. */
function loginOf(bearer: 'off' | 'tokens', secret: SecretBytes): TokenLogin {
  return { path: TOKEN_PATH, ...(bearer === 'off' && { proofKey: newProofKey(secret) }) };
}

/** Names of all links, as used in faults. */
export function linkNames(topology: Topology): string[] {
  return topology.links.map(link => link.name);
}

/** Names of all replicas, as used in faults. */
export function replicaNames(topology: Topology): string[] {
  return topology.replicas.map(replica => replica.name);
}

function entryLinks({ options: { edge, gateway } }: TopologyParts): LinkPlan[] {
  const entry = (to: string, port: number): LinkPlan => ({ name: `client→${to}`, to, port, usedBy: 'clients' });
  if (edge !== 'off') return [entry('edge', edge.port)];
  return numbered('gateway', gateway.replicas).map((name, index) => entry(name, index === 0 ? gateway.port : 0));
}

/** Links that replicas use or advertise, without duplicates. */
function serviceLinks(replicas: readonly ReplicaPlan[]): LinkPlan[] {
  const names = new Set(replicas.flatMap(({ uses, advertises = [] }) => [...advertises, ...uses]));
  return [...names].map(name => {
    const [from = '', to = ''] = name.split('→');
    const fromZone = from.split('@')[1];
    return { name, to, port: 0, usedBy: 'services', ...(fromZone === undefined ? {} : { fromZone }) };
  });
}

/** Links for people and the harness, separate from the services' traffic. */
function operatorLinks(replicas: readonly ReplicaPlan[]): LinkPlan[] {
  return replicas
    .filter(({ name }) => ['control', 'redis', 'prometheus'].includes(name))
    .map(({ name }) => ({ name: `operator→${name}`, to: name, port: 0, usedBy: 'operators' }));
}

function lazily<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
