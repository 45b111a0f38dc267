import type { Clock } from '../../../harness/clock.ts';
import type { Random } from '../../../harness/random.ts';
import { unannounced } from '../announced.ts';
import type { ControlConfig } from '../config.ts';
import { type Exchange, type Handler, HttpError, type Route, readJson, sendJson, sendText } from '../exchange.ts';
import { type Registry, type RegistryError, worstStatus } from '../registry.ts';
import type { Watchers } from '../watchers.ts';
import { agentService, catalogService, healthService, type NodeInfo } from './catalog-json.ts';
import { type CheckStatus, readServiceDefinition } from './definition.ts';
import { parseGoDurationMs } from './go-duration.ts';

interface ConsulContext {
  readonly registry: Registry;
  readonly watchers: Watchers;
  readonly node: NodeInfo;
  readonly clock: Clock;
  readonly random: Random;
  readonly config: Pick<ControlConfig, 'minDeregisterMs' | 'announced'>;
  /** Called after every change of the registry. */
  readonly onChange: () => void;
}

/** Default and maximum of `wait`, as in Consul. */
const DEFAULT_WAIT_MS = 300_000;
const MAX_WAIT_MS = 600_000;

/**
 * Routes of the subset of Consul's HTTP API (v1) for registration and discovery. One process is agent, server and leader, and is
 * not itself listed as a service. Registrations are limited to {@link unannounced announced} addresses. Not implemented: access control lists, namespaces, datacenters, sessions, the key-value store
 * and Connect.
 */
export function consulRoutes(context: ConsulContext): Route[] {
  const { registry, node, clock, config } = context;
  const heartbeat = (to: CheckStatus) =>
    changing(context, (exchange, id) => registry.heartbeat(id, to, exchange.query.get('note') ?? '', clock.nowMs()));
  return [
    route('/v1/agent/service/register', {
      PUT: changing(context, async exchange => {
        const definition = readServiceDefinition(await readJson(exchange), config.minDeregisterMs);
        const reason = unannounced(definition, node.address, config.announced);
        if (reason !== undefined) throw new HttpError(403, `Permission denied: ${reason}`);
        registry.register(definition, clock.nowMs());
      }),
    }),
    route('/v1/agent/service/deregister/:id', { PUT: changing(context, (_, id) => registry.deregister(id)) }),
    route('/v1/agent/check/pass/:id', { PUT: heartbeat('passing') }),
    route('/v1/agent/check/warn/:id', { PUT: heartbeat('warning') }),
    route('/v1/agent/check/fail/:id', { PUT: heartbeat('critical') }),
    route('/v1/agent/services', {
      GET: exchange => {
        const services = registry.services().map(service => [service.definition.id, agentService(service, node)]);
        sendJson(exchange, 200, Object.fromEntries(services));
      },
    }),
    route('/v1/catalog/services', {
      GET: exchange =>
        blocking(context, exchange, { index: () => registry.namesIndex, document: () => catalog(registry) }),
    }),
    route('/v1/catalog/service/:name', {
      GET: (exchange, name) => {
        const document = () => registry.services(name).map(service => catalogService(service, node));
        return blocking(context, exchange, { index: () => registry.index(name), document });
      },
    }),
    route('/v1/health/service/:name', { GET: (exchange, name) => health(context, exchange, name) }),
    route('/v1/status/leader', { GET: exchange => sendJson(exchange, 200, `${node.address}:8300`) }),
  ];
}

/** Route of a path in which one `:segment` matches anything but a slash. */
export function route(path: string, methods: Route['methods']): Route {
  return { name: path, pattern: new RegExp(`^${path.replace(/:\w+/, '([^/]+)')}$`), methods };
}

type Change = (exchange: Exchange, id: string) => RegistryError | undefined | Promise<void>;

/** Handler of a change to the registry, with an empty response. */
function changing({ onChange }: ConsulContext, change: Change): Handler {
  return async (exchange, id) => {
    const error = await change(exchange, id);
    if (error) throwError(error, id);
    onChange();
    sendText(exchange, 200, '');
  };
}

/** Throws `error` with the status and message of Consul. */
function throwError(error: RegistryError, id: string): never {
  const name = JSON.stringify(id);
  if (error === 'unknown-service')
    throw new HttpError(404, `Unknown service ID ${name}. Ensure that the service ID is passed, not the service name.`);
  if (error === 'unknown-check')
    throw new HttpError(404, `Unknown check ID ${name}. Ensure that the check ID is passed, not the check name.`);
  throw new HttpError(500, `CheckID ${name} does not have associated TTL`);
}

function catalog(registry: Registry): Record<string, string[]> {
  const services: Record<string, string[]> = Object.create(null);
  for (const { definition } of registry.services())
    services[definition.name] = [...new Set([...(services[definition.name] ?? []), ...definition.tags])];
  return services;
}

function health(context: ConsulContext, exchange: Exchange, name: string): Promise<void> {
  const { registry, node } = context;
  const { query } = exchange;
  const passing = query.has('passing') && readBoolean(query.get('passing')!, 'passing');
  const tags = query.getAll('tag');
  const document = () =>
    registry
      .services(name)
      .filter(({ definition }) => tags.every(tag => definition.tags.includes(tag)))
      .filter(({ checks }) => !passing || worstStatus(checks) === 'passing')
      .map(service => healthService(service, node));
  return blocking(context, exchange, { index: () => registry.index(name), document });
}

interface Blocking {
  readonly index: () => number;
  readonly document: () => unknown;
}

/**
 * Handles a blocking query: with `?index=` it responds once the index differs, at the latest after `?wait=` (default 5 min, maximum
 * 10 min) plus a jitter of up to a sixteenth, so that clients do not synchronize; otherwise at once.
 *
 * An index above the current one stems from before a restart. It is answered at once, where Consul would block, so that the client
 * sees the index decrease and starts over.
 */
async function blocking({ watchers, random }: ConsulContext, exchange: Exchange, { index, document }: Blocking) {
  const known = readIndex(exchange.query.get('index'));
  const waitMs = readWait(exchange.query.get('wait'));
  if (known > 0) await watchers.until(() => index() !== known, waitMs * (1 + random.next() / 16), exchange.signal);
  sendJson(exchange, 200, document(), {
    'x-consul-index': String(index()),
    'x-consul-knownleader': 'true',
    'x-consul-lastcontact': '0',
  });
}

function readIndex(text: string | null): number {
  if (text === null || text === '') return 0;
  if (!/^\d{1,20}$/.test(text)) throw new HttpError(400, 'Invalid index');
  return Number(text);
}

function readWait(text: string | null): number {
  if (text === null || text === '') return DEFAULT_WAIT_MS;
  const waitMs = parseGoDurationMs(text);
  if (waitMs === undefined) throw new HttpError(400, 'Invalid wait time');
  return waitMs === 0 ? DEFAULT_WAIT_MS : Math.min(waitMs, MAX_WAIT_MS);
}

/** Boolean as parsed by Go's ParseBool; an empty value is true. */
function readBoolean(text: string, name: string): boolean {
  if (/^(|1|t|true|T|TRUE|True)$/.test(text)) return true;
  if (/^(0|f|false|F|FALSE|False)$/.test(text)) return false;
  throw new HttpError(400, `Invalid value for ?${name}`);
}
