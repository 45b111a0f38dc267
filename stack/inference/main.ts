import { once } from 'node:events';
import { pino } from 'pino';
import { systemClock } from '../../harness/clock.ts';
import { hostNames } from '../../harness/http/own-names.ts';
import { seededRandom } from '../../harness/random.ts';
import { connectControl } from '../control/client.ts';
import { drainServer, listen, parseListen, runProgram, stopSignal } from '../service-program.ts';
import { TOKEN_VARIABLE } from '../token.ts';
import { type InferenceConfig, parseInferenceConfig } from './config.ts';
import { keepRegistered, type RegistrationContext } from './registration.ts';
import { inferenceServer } from './server.ts';
import { InferenceService } from './service.ts';

/*
 * GPU inference simulator program.
 *
 *   LISTEN=127.0.0.1:8000 INFERENCE_CONFIG='{"name":"inference-1","timeScale":20}' node stack/inference/main.ts
 *
 * Logs JSON lines to stdout. Exits with 0 after SIGTERM or SIGINT, with 1 and a message on stderr if it cannot start.
 */

/**
 * How long a deregistered replica keeps serving. Gateways must learn of the deregistration before its connections close, or
 * requests fail on closing connections.
 */
const LAME_DUCK_MS = 300;
/** Maximum time for requests in flight to finish after that. */
const DRAIN_MS = 1700;
/** Listen backlog; Node's default of 511 drops bursts of streams. */
const BACKLOG = 4096;

await runProgram('inference', main);

async function main(): Promise<void> {
  const address = parseListen(process.env.LISTEN);
  const config = parseInferenceConfig(process.env.INFERENCE_CONFIG);
  const log = pino(
    { base: { name: config.name }, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 1, sync: true }),
  );
  const stop = new AbortController();
  const shutdown = new AbortController();
  const drain = new AbortController();
  // Before listening, since a signal may arrive as soon as "listening" is logged.
  void stopSignal().then(() => shutdown.abort());
  const service = new InferenceService(config, systemClock);
  const server = inferenceServer({
    config,
    service,
    clock: systemClock,
    random: seededRandom(config.seed),
    token: process.env[TOKEN_VARIABLE],
    names: hostNames(),
    log: line => log.info(line, 'request'),
    isShuttingDown: () => shutdown.signal.aborted,
    isDraining: () => drain.signal.aborted,
  });
  await listen(server, address, BACKLOG);
  log.info({ address: server.address(), config }, 'listening');
  let registered: Promise<void> | undefined;
  const running = service.run(stop.signal, () => {
    log.info('ready');
    registered = register(config, (message, detail) => log.info(detail, message), shutdown.signal);
  });
  if (!shutdown.signal.aborted) await Promise.race([once(shutdown.signal, 'abort'), running]);
  log.info({ active: service.activeCount }, 'draining');
  if (registered) {
    await registered;
    await systemClock.sleep(LAME_DUCK_MS);
  }
  drain.abort();
  await drainServer(server, DRAIN_MS, systemClock);
  stop.abort();
  await running;
  log.info('stopped');
}

async function register({ name, registration }: InferenceConfig, log: RegistrationContext['log'], signal: AbortSignal) {
  if (registration === 'off') return;
  const { url, advertise: address, advertiseByZone: addressByZone, ttlMs, service } = registration;
  const client = connectControl(url, process.env[TOKEN_VARIABLE]);
  const context = { registration: { id: name, service, address, addressByZone, ttlMs }, client };
  await keepRegistered({ ...context, clock: systemClock, log }, signal);
}
