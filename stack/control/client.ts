import { isIPv6 } from 'node:net';
import type { Clock } from '../../harness/clock.ts';
import type { Machine } from '../../harness/host/network.ts';
import { tokenHeaders } from '../token.ts';
import { formatGoDuration } from './consul/go-duration.ts';

/** Instance of a service as returned by discovery. */
export interface Instance {
  readonly id: string;
  /** `host:port` */
  readonly address: string;
  /** Version of what it serves, from its `Meta`; undefined if it tells none. */
  readonly version?: string | undefined;
}

/** Instances of a service whose checks all pass, as of an index. */
export interface Instances {
  readonly index: number;
  readonly instances: readonly Instance[];
}

/** Query for instances. */
interface InstancesQuery {
  readonly service: string;
  /** Last known index: the query blocks until it changes. 0: does not block. */
  readonly index: number;
  /** Maximum time to block. */
  readonly waitMs: number;
  /** Zone of the caller. Instances with an address for that zone are returned with it. */
  readonly zone?: string | undefined;
}

/** Registration of an instance. */
export interface Registration {
  readonly id: string;
  readonly service: string;
  /** `host:port` at which clients reach it. */
  readonly address: string;
  /** Addresses for clients in specific zones, by zone. */
  readonly addressByZone?: Readonly<Record<string, string>>;
  /** Version of what it serves. @default none is told */
  readonly version?: string | undefined;
  readonly ttlMs: number;
}

/** Client of the parts of Consul's API that this stack uses. Calls reject on failure and on abort. */
export interface ControlClient {
  instances(query: InstancesQuery, signal: AbortSignal): Promise<Instances>;
  /** Registers an instance with the status passing. */
  register(registration: Registration, signal: AbortSignal): Promise<void>;
  /** Sends a heartbeat; resolves with false if the registration is unknown. */
  heartbeat(id: string, signal: AbortSignal): Promise<boolean>;
  deregister(id: string, signal: AbortSignal): Promise<void>;
}

/** Timeout of a response, in addition to the time that a query may block. */
const RESPONSE_TIMEOUT_MS = 2000;

/**
 * Client of the agent at `url`, either this control service or a real Consul.
 * @param token needed to register, for heartbeats and to deregister; it is not sent with reads
 */
export function connectControl(url: string, { clock, network }: Machine, token?: string): ControlClient {
  const base = url.replace(/\/+$/, '');
  const put = async (path: string, signal: AbortSignal, body?: unknown): Promise<Response> => {
    const response = await network.fetch(base + path, {
      method: 'PUT',
      headers: tokenHeaders(token),
      signal: withTimeout(clock, signal, RESPONSE_TIMEOUT_MS),
      body: JSON.stringify(body) ?? null,
    });
    const text = await response.text();
    if (response.ok || response.status === 404) return response;
    throw new Error(`PUT ${path}: status ${response.status}: ${text.slice(0, 200)}`);
  };
  return {
    async instances({ service, index, waitMs, zone }, signal) {
      const wait = formatGoDuration(Math.ceil(waitMs));
      const path = `/v1/health/service/${encodeURIComponent(service)}?passing&index=${index}&wait=${wait}`;
      // The agent adds jitter of up to a sixteenth of the wait.
      const response = await network.fetch(base + path, {
        signal: withTimeout(clock, signal, waitMs * (17 / 16) + RESPONSE_TIMEOUT_MS),
      });
      if (!response.ok) {
        await response.body?.cancel();
        throw new Error(`GET ${path}: status ${response.status}`);
      }
      return { index: readIndex(response), instances: readInstances(await response.json(), zone) };
    },
    async register({ id, service, address, addressByZone = {}, version, ttlMs }, signal) {
      await put('/v1/agent/service/register', signal, {
        ID: id,
        Name: service,
        ...hostAndPort(address),
        ...(version !== undefined && { Meta: { version } }),
        TaggedAddresses: Object.fromEntries(
          Object.entries(addressByZone).map(([zone, tagged]) => [zone, hostAndPort(tagged)]),
        ),
        Check: {
          CheckID: `service:${id}`,
          TTL: formatGoDuration(ttlMs),
          Status: 'passing',
          DeregisterCriticalServiceAfter: '1m',
        },
      });
    },
    async heartbeat(id, signal) {
      return (await put(`/v1/agent/check/pass/service:${encodeURIComponent(id)}`, signal)).status !== 404;
    },
    async deregister(id, signal) {
      await put(`/v1/agent/service/deregister/${encodeURIComponent(id)}`, signal);
    },
  };
}

function withTimeout(clock: Clock, signal: AbortSignal, timeoutMs: number): AbortSignal {
  return AbortSignal.any([signal, clock.timeout(timeoutMs)]);
}

function readIndex(response: Response): number {
  const index = Number(response.headers.get('x-consul-index'));
  if (!Number.isSafeInteger(index)) throw new Error('The response has no valid X-Consul-Index');
  return index;
}

interface HealthEntry {
  readonly Node?: { readonly Address?: unknown };
  readonly Service?: {
    readonly ID?: unknown;
    readonly Address?: unknown;
    readonly Port?: unknown;
    readonly Meta?: { readonly version?: unknown } | null;
    readonly TaggedAddresses?: Readonly<Record<string, { readonly Address?: unknown; readonly Port?: unknown }>>;
  };
}

function hostAndPort(address: string): { readonly Address: string; readonly Port: number } {
  const colon = address.lastIndexOf(':');
  return { Address: address.slice(0, colon), Port: Number(address.slice(colon + 1)) };
}

function readInstances(document: unknown, zone: string | undefined): Instance[] {
  if (!Array.isArray(document)) throw new Error('The response is not a list of instances');
  return (document as HealthEntry[]).map(({ Node: node, Service: service }) => {
    const tagged = zone === undefined ? undefined : service?.TaggedAddresses?.[zone];
    const host = tagged?.Address || service?.Address || node?.Address;
    const port = tagged?.Address ? tagged.Port : service?.Port;
    if (typeof service?.ID !== 'string' || typeof host !== 'string' || !Number.isInteger(port))
      throw new Error('The response has an instance without id, address or port');
    const address = `${isIPv6(host) ? `[${host}]` : host}:${port}`;
    if (!URL.canParse(`http://${address}`))
      throw new Error(`The response has an instance with the address ${JSON.stringify(address)}`);
    const version = service.Meta?.version;
    return { id: service.ID, address, ...(typeof version === 'string' && { version }) };
  });
}
