import { createHash, createHmac, randomBytes } from 'node:crypto';
import { controlReplica } from './control/replica.ts';
import { makeAuthority } from './edge/certificates.ts';
import { type EntryAuthority, edgeReplica } from './edge/replica.ts';
import { gatewayReplica } from './gateway/replica.ts';
import { inferenceReplica } from './inference/replica.ts';
import { numbered, zonesNamed } from './naming.ts';
import { prometheusReplica } from './observability/replica.ts';
import type { SettledOptions } from './options.ts';
import { redisReplica } from './redis/replica.ts';
import type { ReplicaPlan, TopologyParts } from './replica-plan.ts';

/** One breakable hop to be made. Replicas of the service it starts from share it, those of one zone where zones matter. */
export interface LinkPlan {
  /** `from→to`, for example `gateway→inference-2`. */
  readonly name: string;
  /** The replica behind it. */
  readonly to: string;
  /** Where to listen; 0 takes a free port. */
  readonly port: number;
  /** Who stands at its near end: clients, services of the stack, or the people and programs that look after the stack. */
  readonly usedBy: 'clients' | 'services' | 'operators';
  /** The zone of those who use it, if they all are in one. */
  readonly fromZone?: string;
}

/**
 * Services and the links between them, before any address is known:
 *
 * ```
 * client ─▶ edge ─┬▶ gateway-1 ─┬▶ inference-1 ─┐
 *                 └▶ gateway-2 ─┼▶ inference-2 ─┼─▶ control      each ─▶ is a link
 *                     │    │    └▶ …            │      ▲
 *                   redis  └─────── who is there? ─────┘         prometheus ─▶ every service
 * ```
 *
 * Edge, Redis, Prometheus and control are there where the options have them; without an edge each gateway has an entry of its
 * own. With control, replicas register the addresses of their links, not their own.
 */
export interface Topology {
  readonly replicas: readonly ReplicaPlan[];
  readonly links: readonly LinkPlan[];
  /** What clients send as `Authorization`. */
  readonly authorization: string;
  /** Who vouches for the edge where clients enter over TLS; made when first asked for. */
  readonly entryAuthority?: EntryAuthority;
}

/**
 * The reference stack for `options`.
 *
 * @param timeScale divides the model's load time
 * @param seed decides the words of the answers
 * @param apiKey what clients must present; the gateway is told only its SHA-256. @default a new random key
 * @param clientKeys further keys that the gateways accept, each a customer of its own
 * @throws SquallError `BAD_INFERENCE_CONFIG` when the options contradict each other
 */
export function topologyOf(
  options: SettledOptions,
  timeScale: number,
  seed: number,
  apiKey = newApiKey(),
  clientKeys: readonly string[] = [],
): Topology {
  const parts: TopologyParts = {
    options,
    timeScale,
    seed,
    apiKeyHashes: [apiKey, ...clientKeys].map(key => createHash('sha256').update(key).digest('hex')),
    redisPassword: createHmac('sha256', apiKey).update('redis').digest('hex'),
    zones: zonesNamed(options.zones),
  };
  const { gateway, inference, edge, redis, prometheus, control } = options;
  const hasTls = edge !== 'off' && edge.tls !== 'off';
  const entryAuthority = hasTls ? lazily(() => makeAuthority(new Date())) : undefined;
  const scraped = [
    ...(control === 'off' ? [] : [controlReplica(parts)]),
    ...numbered('inference', inference.maxReplicas ?? inference.replicas).map(name => inferenceReplica(name, parts)),
    ...numbered('gateway', gateway.replicas).map(name => gatewayReplica(name, parts)),
  ];
  const replicas: ReplicaPlan[] = [
    ...(redis === 'off' ? [] : [redisReplica(redis, parts)]),
    ...scraped,
    ...(edge === 'off' ? [] : [edgeReplica(edge, parts, entryAuthority)]),
    ...(prometheus === 'off' ? [] : [prometheusReplica(prometheus, parts, scraped)]),
  ];
  return {
    replicas,
    links: [...entryLinks(parts), ...serviceLinks(replicas), ...operatorLinks(replicas)],
    authorization: `Bearer ${apiKey}`,
    ...(entryAuthority ? { entryAuthority } : {}),
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

function entryLinks({ options: { edge, gateway } }: TopologyParts): LinkPlan[] {
  const entry = (to: string, port: number): LinkPlan => ({ name: `client→${to}`, to, port, usedBy: 'clients' });
  if (edge !== 'off') return [entry('edge', edge.port)];
  return numbered('gateway', gateway.replicas).map((name, index) => entry(name, index === 0 ? gateway.port : 0));
}

/** Whatever replicas use and advertise, each link once. */
function serviceLinks(replicas: readonly ReplicaPlan[]): LinkPlan[] {
  const names = new Set(replicas.flatMap(({ uses, advertises = [] }) => [...advertises, ...uses]));
  return [...names].map(name => {
    const [from = '', to = ''] = name.split('→');
    const fromZone = from.split('@')[1];
    return { name, to, port: 0, usedBy: 'services', ...(fromZone === undefined ? {} : { fromZone }) };
  });
}

/** What people and the harness ask for beside the services' own traffic. */
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

function newApiKey(): string {
  return `sk-${randomBytes(24).toString('hex')}`;
}
