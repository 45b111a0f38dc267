import { once } from 'node:events';
import { seededRandom } from '../../harness/random.ts';
import { connectControl } from '../control/client.ts';
import { drainServer, listen, parseListen, type ServiceContext } from '../service-program.ts';
import { TOKEN_VARIABLE } from '../token.ts';
import { type InferenceConfig, parseInferenceConfig } from './config.ts';
import { keepRegistered, type RegistrationContext } from './registration.ts';
import { inferenceServer } from './server.ts';
import { InferenceService } from './service.ts';

/**
 * How long a deregistered replica keeps serving. Gateways must learn of the deregistration before its connections close, or
 * requests fail on closing connections.
 */
const LAME_DUCK_MS = 300;
/** Listen backlog; Node's default of 511 drops bursts of streams. */
const BACKLOG = 4096;

/** A GPU inference simulator, from its start until it has drained. @throws SquallError `BAD_INFERENCE_CONFIG`, `BAD_LISTEN`, `CANNOT_LISTEN` */
export async function serveInference(context: ServiceContext): Promise<void> {
  const { environment, clock, names, newId } = context;
  const endpoint = parseListen(environment.LISTEN);
  const config = parseInferenceConfig(environment.INFERENCE_CONFIG);
  const log = context.logger({ name: config.name });
  const stop = new AbortController();
  const shutdown = new AbortController();
  const drain = new AbortController();
  // Before listening, since a signal may arrive as soon as "listening" is logged.
  void context.stopped.then(() => shutdown.abort());
  const service = new InferenceService(config, clock);
  if (context.measureProcess) service.metrics.measureMemory();
  const server = inferenceServer({
    ...{ config, service, clock, names, newId },
    random: seededRandom(config.seed),
    token: environment[TOKEN_VARIABLE],
    log: line => log.info(line, 'request'),
    isShuttingDown: () => shutdown.signal.aborted,
    isDraining: () => drain.signal.aborted,
  });
  const address = await listen(context, server, endpoint, BACKLOG);
  log.info({ address, config }, 'listening');
  let registered: Promise<void> | undefined;
  const running = service.run(stop.signal, () => {
    log.info('ready');
    registered = register(config, context, (message, detail) => log.info(detail, message), shutdown.signal);
  });
  if (!shutdown.signal.aborted) await Promise.race([once(shutdown.signal, 'abort'), running]);
  log.info({ active: service.activeCount }, 'draining');
  if (registered) {
    await registered;
    await clock.sleep(Math.min(LAME_DUCK_MS, config.drainMs));
  }
  drain.abort();
  await drainServer(server, Math.max(0, config.drainMs - LAME_DUCK_MS), clock);
  stop.abort();
  await running;
  log.info('stopped');
}

async function register(
  { name, version, registration }: InferenceConfig,
  context: ServiceContext,
  log: RegistrationContext['log'],
  signal: AbortSignal,
): Promise<void> {
  if (registration === 'off') return;
  const { url, advertise: address, advertiseByZone: addressByZone, ttlMs, service } = registration;
  const client = connectControl(url, context, context.environment[TOKEN_VARIABLE]);
  const parts = { registration: { id: name, service, address, addressByZone, version, ttlMs }, client };
  await keepRegistered({ ...parts, clock: context.clock, log }, signal);
}
