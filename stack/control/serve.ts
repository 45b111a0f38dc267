import { createServer } from 'node:http';
import { drainServer, listen, parseListen, type ServiceContext } from '../service-program.ts';
import { requireToken, TOKEN_VARIABLE } from '../token.ts';
import { parseControlConfig } from './config.ts';
import { Control } from './control.ts';

/** Maximum time for requests in flight to finish after SIGTERM. */
const DRAIN_MS = 1000;

/**
 * Service discovery and scaling, from the start until it has drained.
 * @throws SquallError `BAD_CONTROL_CONFIG`, `BAD_LISTEN`, `BAD_STACK_TOKEN`, `CANNOT_LISTEN`
 */
export async function serveControl(context: ServiceContext): Promise<void> {
  const { environment, clock, network, random, newId, names } = context;
  const config = parseControlConfig(environment.CONTROL_CONFIG);
  const endpoint = parseListen(environment.LISTEN);
  const token = requireToken(environment[TOKEN_VARIABLE]);
  const log = context.logger({ name: config.name });
  /** Sends one GET on a new connection, without following a redirect or reading the body. */
  const probe = async (url: string, timeoutMs: number, signal: AbortSignal): Promise<number> => {
    const limit = AbortSignal.any([signal, clock.timeout(timeoutMs)]);
    const response = await network.fetch(url, { signal: limit, redirect: 'manual', headers: { connection: 'close' } });
    await response.body?.cancel();
    return response.status;
  };
  using control = new Control({
    ...{ config, clock, random, names, token, probe },
    newUid: newId,
    address: endpoint.host,
    log: (line, message) => log.info(line, message),
  });
  context.measureProcess?.(control.metrics.registry);
  const server = createServer(
    { headersTimeout: 10_000, requestTimeout: 60_000, connectionsCheckingInterval: 1000, keepAliveTimeout: 75_000 },
    (request, response) => void control.handle(request, response),
  );
  server.maxConnections = 8192;
  const { host: address, port } = await listen(context, server, endpoint);
  log.info({ address, port }, 'listening');
  void control.run();
  await context.stopped;
  log.info('draining');
  control.drain();
  await drainServer(server, DRAIN_MS, clock);
  log.info('stopped');
}
