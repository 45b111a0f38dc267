import { drainServer, listen, parseListen, type ServiceContext } from '../service-program.ts';
import { parsePreprocessConfig } from './config.ts';
import { preprocessServer } from './server.ts';

const DRAIN_MS = 2000;

/** A pool of workers that prepare requests, from its start until it has drained. @throws SquallError `BAD_PREPROCESS_CONFIG`, `BAD_LISTEN`, `CANNOT_LISTEN` */
export async function servePreprocess(context: ServiceContext): Promise<void> {
  const { environment, clock, names, stopped } = context;
  const config = parsePreprocessConfig(environment.PREPROCESS_CONFIG);
  const endpoint = parseListen(environment.LISTEN);
  const log = context.logger({ service: config.name });
  let isDraining = false;
  const { server, registry } = preprocessServer({ config, clock, names, isDraining: () => isDraining });
  context.measureProcess?.(registry);
  const { host: address, port } = await listen(context, server, endpoint);
  log.info({ address, port, config }, 'listening');
  const signal = await stopped;
  isDraining = true;
  log.info({ signal }, 'draining');
  const clean = await drainServer(server, DRAIN_MS, clock);
  log.info({ clean }, 'stopped');
}
