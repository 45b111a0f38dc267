import type { Agent } from 'undici';
import type { Replica, RunningStack } from '../../harness/contracts.ts';
import { messageOf, SquallError } from '../../harness/errors.ts';
import { type ClientTls, tlsNameOf, tlsOptionsOf } from '../../harness/host/client-tls.ts';
import type { Machine } from '../../harness/host/network.ts';
import type { Readings } from '../../harness/metrics.ts';
import { readText } from './bounded-text.ts';
import { parseExposition } from './exposition.ts';
import { isKept, readingsOf } from './series.ts';

/** Maximum size of a response. */
const MAX_BYTES = 8 * 2 ** 20;
/** Timeout of the first scrape, before a run. */
const FIRST_LIMIT_MS = 5000;

/** Metrics of one replica, in Prometheus' text format. */
export interface MetricsEndpoint {
  /** Name under which its readings are recorded. */
  readonly name: string;
  /** `http` or `https`, path and query included. */
  readonly url: string;
  /** Addresses of its host, `host:port`, of which the first is connected to. @default that of the URL */
  readonly via?: readonly string[];
  /** `Authorization` header; empty for none. @default none */
  readonly authorization?: string;
  /** How to speak TLS. @default without a certificate */
  readonly tls?: ClientTls | undefined;
}

/** HTTP client of one endpoint, over one connection that stays open. Loads undici, a hundred modules that most commands do without. */
export async function endpointAgent(
  { url, tls }: MetricsEndpoint,
  machine: Machine,
  keepAliveTimeout = 10_000,
): Promise<Agent> {
  const [{ Agent }, { connectorOver }] = await Promise.all([import('undici'), import('../connector.ts')]);
  const connect = connectorOver(machine, FIRST_LIMIT_MS, { ...tlsNameOf(new URL(url).hostname), ...tlsOptionsOf(tls) });
  return new Agent({ connections: 1, pipelining: 1, keepAliveTimeout, connect });
}

/**
 * Readings of an endpoint; empty if it exports no known series. Follows one redirect to the same origin, such as to `/metrics/`.
 * @throws Error without a response of status 200 up to 8 MiB; the signal's reason on abort
 */
export async function readEndpoint(endpoint: MetricsEndpoint, agent: Agent, signal: AbortSignal): Promise<Readings> {
  const { url, via, authorization = '' } = endpoint;
  const { protocol, host, origin } = new URL(url);
  const address = via?.[0] ?? host;
  const headers = { host, ...(authorization === '' ? {} : { authorization }) };
  const request = ({ pathname, search }: URL) =>
    agent.request({ origin: `${protocol}//${address}`, path: pathname + search, method: 'GET', headers, signal });
  let response = await request(new URL(url));
  const { location } = response.headers;
  const next = response.statusCode < 300 || response.statusCode > 399 ? null : URL.parse(String(location), url);
  if (next?.origin === origin) {
    await response.body.dump();
    response = await request(next);
  }
  const isOk = response.statusCode === 200;
  const text = await readText(response.body, isOk ? MAX_BYTES : 0);
  return readingsIn(response.statusCode, text);
}

/** Readings of a replica that only its stack reaches, as {@link readEndpoint}. @param path with query */
export async function readInside(
  { send }: RunningStack,
  replica: Replica,
  path: string,
  signal: AbortSignal,
): Promise<Readings> {
  const { status, text } = await send!(replica, { method: 'GET', path, maxCharacters: MAX_BYTES }, signal);
  return readingsIn(status, text.length < MAX_BYTES ? text : null);
}

/** @param text null for more than {@link MAX_BYTES} */
function readingsIn(status: number, text: string | null): Readings {
  if (status !== 200) throw new Error(`it answered with status ${status}`);
  if (text === null) throw new Error(`its response is larger than ${MAX_BYTES / 2 ** 20} MiB`);
  return readingsOf(parseExposition(text, isKept));
}

/**
 * Reads endpoints once, before a run depends on them: first at each of their addresses, of which only those that answer are left.
 * @throws SquallError `METRICS_UNREACHABLE` without a response, `METRICS_UNKNOWN` without a known series; the signal's reason on abort
 */
export async function reachableEndpoints(
  endpoints: readonly MetricsEndpoint[],
  machine: Machine,
  signal: AbortSignal,
): Promise<MetricsEndpoint[]> {
  return Promise.all(
    endpoints.map(async endpoint => {
      const places = endpoint.via?.map(address => ({ ...endpoint, via: [address] })) ?? [endpoint];
      const failures: unknown[] = [];
      for (const place of places) {
        const readings = await firstReadings(place, machine, signal).catch(error => void failures.push(error));
        signal.throwIfAborted();
        if (readings === undefined) continue;
        if (Object.keys(readings).length === 0) throw unknownMetrics(endpoint);
        return place;
      }
      throw unreachable(endpoint, failures[0]);
    }),
  );
}

async function firstReadings(endpoint: MetricsEndpoint, machine: Machine, signal: AbortSignal): Promise<Readings> {
  const agent = await endpointAgent(endpoint, machine);
  const limit = machine.clock.timeout(FIRST_LIMIT_MS);
  try {
    return await readEndpoint(endpoint, agent, AbortSignal.any([signal, limit]));
  } catch (error) {
    throw limit.aborted ? new Error(`it did not answer within ${FIRST_LIMIT_MS / 1000} s`) : error;
  } finally {
    await agent.destroy();
  }
}

function unreachable({ url }: MetricsEndpoint, cause: unknown): SquallError {
  return new SquallError(
    'environment',
    'METRICS_UNREACHABLE',
    `Expected metrics in Prometheus' text format at ${url}, but: ${messageOf(cause)}`,
    {
      cause,
      next: 'Correct --metrics (or target.metrics), give --metrics-authorization if it asks for one, or leave both out.',
    },
  );
}

function unknownMetrics({ url }: MetricsEndpoint): SquallError {
  return new SquallError(
    'environment',
    'METRICS_UNKNOWN',
    `Expected metrics of vLLM, SGLang, llama.cpp, TGI, LiteLLM or dcgm-exporter at ${url}, found none of their names`,
    {
      next: 'Give the URL of the engine itself, and enable its metrics (llama.cpp: --metrics, SGLang: --enable-metrics); docs/metrics.md lists the names.',
    },
  );
}
