import { createServer } from 'node:http';
import { SPAN_MESSAGE } from '../../harness/tracing/span.ts';
import { drainServer, listen, parseListen, type ServiceContext } from '../service-program.ts';
import { Collector } from './collector.ts';
import { parseCollectorConfig } from './config.ts';

/** How long it goes on after SIGTERM, for the last spans of those that stop at the same time, in ms. */
const LINGER_MS = 500;
const DRAIN_MS = 250;

/** Receiver of spans, which are lines of its log, from the start until it has drained. @throws SquallError `BAD_COLLECTOR_CONFIG`, `BAD_LISTEN`, `CANNOT_LISTEN` */
export async function serveCollector(context: ServiceContext): Promise<void> {
  const { environment, clock } = context;
  const config = parseCollectorConfig(environment.COLLECTOR_CONFIG);
  const endpoint = parseListen(environment.LISTEN);
  const log = context.logger({ service: config.name });
  const collector = new Collector({ config, keep: span => log.info(span, SPAN_MESSAGE) });
  const server = createServer(
    { headersTimeout: 10_000, requestTimeout: 60_000, connectionsCheckingInterval: 1000, keepAliveTimeout: 75_000 },
    (request, response) => void collector.handle(request, response),
  );
  server.maxConnections = 1024;
  const { host: address, port } = await listen(context, server, endpoint);
  log.info({ address, port }, 'listening');
  await context.stopped;
  await clock.sleep(LINGER_MS);
  await drainServer(server, DRAIN_MS, clock);
  log.info('stopped');
}
