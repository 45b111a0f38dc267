import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { foreignSite } from '../../harness/http/own-names.ts';
import { requestTarget } from '../../harness/http/request-target.ts';
import { metricsText } from '../observability/metrics-text.ts';
import { drainServer, listen, parseListen, type ServiceContext } from '../service-program.ts';
import { requireToken, TOKEN_VARIABLE } from '../token.ts';
import { Autoscaler } from './autoscaler.ts';
import { type AutoscalerConfig, parseAutoscalerConfig } from './config.ts';
import { deciderOf } from './decider-of.ts';
import { AutoscalerMetrics } from './metrics.ts';
import { readerOf } from './reader-of.ts';
import { connectScale } from './scale-client.ts';

/** Maximum time for requests in flight to finish after SIGTERM. */
const DRAIN_MS = 500;

/**
 * The autoscaler, from the start until it has stopped. It leaves the replicas as they are.
 * @throws SquallError `BAD_AUTOSCALER_CONFIG`, `BAD_AUTOSCALER`, `BAD_LISTEN`, `BAD_STACK_TOKEN`, `CANNOT_LISTEN`
 */
export async function serveAutoscaler(context: ServiceContext): Promise<void> {
  const { environment, clock, names } = context;
  const config = parseAutoscalerConfig(environment.AUTOSCALER_CONFIG);
  const endpoint = parseListen(environment.LISTEN);
  const token = requireToken(environment[TOKEN_VARIABLE]);
  const log = context.logger({ name: config.name });
  const metrics = new AutoscalerMetrics();
  context.measureProcess?.(metrics.registry);
  const client = connectScale(config.control, config.deployment, token, context);
  const decider = await deciderOf(config);
  const say = (line: object, message: string) => log.info(line, message);
  const reader = readerOf(config, decider, metrics, context, say);
  const autoscaler = new Autoscaler({ config, decider, client, reader, metrics, machine: context, log: say });
  const server = createServer(
    { headersTimeout: 10_000, requestTimeout: 60_000 },
    (request, response) => void respond(request, response, names, metrics),
  );
  const { host: address, port } = await listen(context, server, endpoint);
  log.info({ address, port }, 'listening');
  log.info({ autoscaler: decider.name, ...summaryOf(config) }, 'autoscaler read');
  const stop = new AbortController();
  const running = autoscaler.run(stop.signal);
  await Promise.race([context.stopped, running]);
  stop.abort();
  await running;
  await drainServer(server, DRAIN_MS, clock);
  log.info('stopped');
}

/** What was read, for the log: without the metrics of a file, and the text of a policy. */
function summaryOf({ policy, manifest }: AutoscalerConfig): object {
  if (manifest) return { spec: { ...manifest.spec, metrics: manifest.spec.metrics.length }, notes: manifest.notes };
  const { text: _, ...options } = policy!;
  return { policy: options };
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  names: readonly string[],
  { registry }: AutoscalerMetrics,
): Promise<void> {
  const send = (status: number, text: string, type = 'text/plain; charset=utf-8') =>
    response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) }).end(text);
  const { path, query } = requestTarget(request) ?? {};
  if (foreignSite(request, names) !== undefined) send(403, 'forbidden\n');
  else if (request.method !== 'GET' && request.method !== 'HEAD') send(405, 'method not allowed\n');
  else if (path === '/healthz' || path === '/readyz') send(200, 'ok\n');
  else if (path === '/metrics') send(200, await metricsText([registry], query), registry.contentType);
  else send(404, 'not found\n');
}
