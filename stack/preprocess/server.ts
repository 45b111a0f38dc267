import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Counter, Histogram, Registry } from 'prom-client';
import type { Clock } from '../../harness/clock.ts';
import { foreignSite } from '../../harness/http/own-names.ts';
import { requestTarget } from '../../harness/http/request-target.ts';
import { computedGauge } from '../observability/computed-gauge.ts';
import { metricsText } from '../observability/metrics-text.ts';
import type { PoolConfig } from './config.ts';
import { type Prepared, prepare } from './prepare.ts';
import { type JobEnd, WorkerPool } from './worker-pool.ts';

/** Path where a request is prepared. */
export const PREPARE_PATH = '/v1/prepare';
/** Header with the time that the caller is willing to wait, in ms, as between gateway and replicas. */
const TIMEOUT_HEADER = 'x-request-timeout-ms';
const MAX_BODY_BYTES = 1 << 20;
const SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Status and message of a response to what was not prepared. */
const FAILURES: Readonly<Record<Exclude<JobEnd, 'done' | 'cancelled'>, readonly [status: number, message: string]>> = {
  full: [503, 'Too many requests wait to be prepared.'],
  slow: [503, 'The request would have to wait too long to be prepared.'],
  deadline: [504, 'The deadline passed while the request was prepared.'],
};

interface ServerParts {
  readonly config: PoolConfig;
  readonly clock: Clock;
  /** Names of its own in the networks that it is in, besides its addresses. */
  readonly names: readonly string[];
  readonly isDraining: () => boolean;
}

/**
 * HTTP server of the pool: `POST /v1/prepare` with a request of OpenAI's API responds with the request to send on, in the turn of the queue. An overload is a 503 with
 * `Retry-After` at once, a client that disconnects is out of the queue. Besides that `/healthz`, `/readyz` and `/metrics`.
 */
export function preprocessServer({ config, clock, names, isDraining }: ServerParts): {
  readonly server: Server;
  readonly registry: Registry;
} {
  const pool = new WorkerPool(config, clock);
  const registry = new Registry();
  const metrics = metricsOf(registry, pool);
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { path = '', query } = requestTarget(request) ?? {};
    if (path === '/healthz') return send(response, 200, { status: 'live' });
    if (path === '/readyz')
      return send(response, isDraining() ? 503 : 200, { status: isDraining() ? 'draining' : 'ready' });
    if (path === '/metrics') {
      const foreign = foreignSite(request, names);
      if (foreign !== undefined) return fail(response, 403, `Permission denied: ${foreign}.`);
      const text = await metricsText([registry], query);
      response.writeHead(200, { 'content-type': registry.contentType }).end(text);
      return;
    }
    if (path !== PREPARE_PATH) return fail(response, 404, `The path ${path} does not exist.`);
    if (request.method !== 'POST') return fail(response, 405, `Expected POST, got ${request.method}.`);
    const receivedMs = clock.nowMs();
    const prepared = await read(request, response);
    if (!prepared) return;
    const timeoutMs = timeoutOf(request);
    if (timeoutMs === undefined)
      return fail(response, 400, `Expected ${TIMEOUT_HEADER} to be an integer ≥ 1 (milliseconds).`);
    const costMs = config.baseMs + (prepared.characters * config.microsPerCharacter) / 1000;
    const job = pool.run(costMs, receivedMs + timeoutMs);
    response.once('close', () => job.cancel());
    const end = await job.ended;
    metrics.jobs.labels(end).inc();
    if (end === 'done') {
      metrics.characters.inc(prepared.characters);
      metrics.seconds.observe((clock.nowMs() - receivedMs) / 1000);
      response.writeHead(200, { 'content-type': 'application/json' }).end(prepared.body);
    } else if (end !== 'cancelled') {
      const [status, message] = FAILURES[end];
      const waitSeconds = Math.max(1, Math.ceil(pool.expectedWaitMs / 1000));
      fail(response, status, message, status === 503 ? { 'retry-after': String(waitSeconds) } : {});
    }
  };
  const server = createServer((request, response) => {
    if (isDraining()) response.setHeader('connection', 'close');
    respond(request, response).catch(() => response.destroy());
  });
  return { server, registry };
}

function metricsOf(registry: Registry, pool: WorkerPool) {
  const registers = [registry];
  computedGauge(registry, 'preprocess_waiting', 'Requests that wait for a worker', () => pool.waiting);
  computedGauge(registry, 'preprocess_busy_workers', 'Workers that prepare a request', () => pool.busy);
  const jobs = new Counter({
    name: 'preprocess_requests_total',
    help: 'Requests by what became of them',
    labelNames: ['end'],
    registers,
  });
  for (const end of ['done', 'full', 'slow', 'deadline', 'cancelled']) jobs.inc({ end }, 0);
  return {
    jobs,
    characters: new Counter({ name: 'preprocess_characters_total', help: 'Characters that were prepared', registers }),
    seconds: new Histogram({
      name: 'preprocess_seconds',
      help: 'Time until a request was prepared, waiting included',
      buckets: SECONDS,
      registers,
    }),
  };
}

/** Reads and prepares the body; undefined if it could not, which the response says. */
async function read(request: IncomingMessage, response: ServerResponse): Promise<Prepared | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) {
      fail(response, 413, `The body exceeds the limit of ${MAX_BODY_BYTES} bytes.`, { connection: 'close' });
      return undefined;
    }
    chunks.push(chunk);
  }
  try {
    return prepare(Buffer.concat(chunks).toString('utf8'));
  } catch {
    fail(response, 400, 'Expected the body to be a JSON object.');
    return undefined;
  }
}

/** Undefined for a header that is none. */
function timeoutOf({ headers }: IncomingMessage): number | undefined {
  const text = headers[TIMEOUT_HEADER];
  if (text === undefined) return Number.POSITIVE_INFINITY;
  return /^[1-9]\d{0,8}$/.test(String(text)) ? Number(text) : undefined;
}

function fail(response: ServerResponse, status: number, message: string, headers: Record<string, string> = {}): void {
  send(
    response,
    status,
    { error: { message, type: status >= 500 ? 'server_error' : 'invalid_request_error' } },
    headers,
  );
}

function send(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  const text = JSON.stringify(body);
  const length = Buffer.byteLength(text);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': length, ...headers }).end(text);
}
