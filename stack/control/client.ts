import { formatGoDuration } from './consul/go-duration.ts';

/** One instance as discovery hands it out. */
export interface Instance {
  readonly id: string;
  /** `host:port` */
  readonly address: string;
}

/** The instances of a service that pass all of their checks, as of an index. */
export interface Instances {
  readonly index: number;
  readonly instances: readonly Instance[];
}

/** Which instances are asked for. */
export interface InstancesQuery {
  readonly service: string;
  /** The index last seen: the answer waits for another one. 0: answer at once. */
  readonly index: number;
  /** Longest wait for another index. */
  readonly waitMs: number;
  /** Where the asker stands: instances with an address for that zone are handed out under it. */
  readonly zone?: string | undefined;
}

/** What an instance says of itself. */
export interface Registration {
  readonly id: string;
  readonly service: string;
  /** `host:port` under which others reach it. */
  readonly address: string;
  /** Other addresses for those who ask from a zone, by zone. */
  readonly addressByZone?: Readonly<Record<string, string>>;
  readonly ttlMs: number;
}

/** The parts of Consul's API that services of this stack use. Every call rejects when it fails, and on abort. */
export interface ControlClient {
  instances(query: InstancesQuery, signal: AbortSignal): Promise<Instances>;
  /** Registers as passing. */
  register(registration: Registration, signal: AbortSignal): Promise<void>;
  /** Resolves with false when nobody knows the registration (any more). */
  heartbeat(id: string, signal: AbortSignal): Promise<boolean>;
  deregister(id: string, signal: AbortSignal): Promise<void>;
}

/** How long an answer may take, beside the wait that was asked for. */
const ANSWER_LIMIT_MS = 2000;

/** A client of the agent at `url`. The real Consul will do as well. */
export function connectControl(url: string): ControlClient {
  const base = url.replace(/\/+$/, '');
  const put = async (path: string, signal: AbortSignal, body?: unknown): Promise<Response> => {
    const init = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await fetch(base + path, { method: 'PUT', signal: limited(signal, ANSWER_LIMIT_MS), ...init });
    const text = await response.text();
    if (response.ok || response.status === 404) return response;
    throw new Error(`PUT ${path} was answered with ${response.status}: ${text.slice(0, 200)}`);
  };
  return {
    async instances({ service, index, waitMs, zone }, signal) {
      const wait = formatGoDuration(Math.ceil(waitMs));
      const path = `/v1/health/service/${encodeURIComponent(service)}?passing&index=${index}&wait=${wait}`;
      // The agent adds up to a sixteenth of the wait.
      const response = await fetch(base + path, { signal: limited(signal, waitMs * (17 / 16) + ANSWER_LIMIT_MS) });
      if (!response.ok) {
        await response.body?.cancel();
        throw new Error(`GET ${path} was answered with ${response.status}`);
      }
      return { index: readIndex(response), instances: readInstances(await response.json(), zone) };
    },
    async register({ id, service, address, addressByZone = {}, ttlMs }, signal) {
      await put('/v1/agent/service/register', signal, {
        ID: id,
        Name: service,
        ...hostAndPort(address),
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

function limited(signal: AbortSignal, limitMs: number): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(limitMs))]);
}

function readIndex(response: Response): number {
  const index = Number(response.headers.get('x-consul-index'));
  if (!Number.isSafeInteger(index)) throw new Error('The answer carries no X-Consul-Index');
  return index;
}

interface HealthEntry {
  readonly Node?: { readonly Address?: unknown };
  readonly Service?: {
    readonly ID?: unknown;
    readonly Address?: unknown;
    readonly Port?: unknown;
    readonly TaggedAddresses?: Readonly<Record<string, { readonly Address?: unknown; readonly Port?: unknown }>>;
  };
}

function hostAndPort(address: string): { readonly Address: string; readonly Port: number } {
  const colon = address.lastIndexOf(':');
  return { Address: address.slice(0, colon), Port: Number(address.slice(colon + 1)) };
}

function readInstances(document: unknown, zone: string | undefined): Instance[] {
  if (!Array.isArray(document)) throw new Error('The answer is no list of instances');
  return (document as HealthEntry[]).map(({ Node: node, Service: service }) => {
    const tagged = zone === undefined ? undefined : service?.TaggedAddresses?.[zone];
    const host = tagged?.Address || service?.Address || node?.Address;
    const port = tagged?.Address ? tagged.Port : service?.Port;
    if (typeof service?.ID !== 'string' || typeof host !== 'string' || !Number.isInteger(port))
      throw new Error('The answer has an instance without id, address or port');
    return { id: service.ID, address: `${host}:${port}` };
  });
}
