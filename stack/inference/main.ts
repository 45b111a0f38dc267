import { once } from 'node:events';
import { pino } from 'pino';
import { systemClock } from '../../harness/clock.ts';
import { seededRandom } from '../../harness/random.ts';
import { connectControl } from '../control/client.ts';
import { drainServer, listen, parseListen, runProgram, stopSignal } from '../service-program.ts';
import { type InferenceConfig, parseInferenceConfig } from './config.ts';
import { keepRegistered, type RegistrationContext } from './registration.ts';
import { inferenceServer } from './server.ts';
import { InferenceService } from './service.ts';

/*
 * The GPU-inference simulator as a program.
 *
 *   LISTEN=127.0.0.1:8000 INFERENCE_CONFIG='{"name":"inference-1","timeScale":20}' node stack/inference/main.ts
 *
 * Logs are JSON lines on stdout. Exits 0 after SIGTERM or SIGINT, 1 with a message on stderr when it cannot start.
 */

/**
 * How long a replica that others know of goes on serving after it has withdrawn its registration: who was just told of it must hear
 * that it leaves before its connections close, or a request meets a connection that nobody answers any more.
 */
const LAME_DUCK_MS = 300;
/** How long running requests may go on after that. */
const DRAIN_MS = 1700;
/** Connections that the kernel completes ahead of `accept`; Node's default of 511 drops bursts of streams. */
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
  const leave = new AbortController();
  const drain = new AbortController();
  // Before the port is open: whoever reads "listening" may send a signal at once.
  void stopSignal().then(() => leave.abort());
  const service = new InferenceService(config, systemClock);
  const server = inferenceServer({
    config,
    service,
    clock: systemClock,
    random: seededRandom(config.seed),
    log: line => log.info(line, 'request'),
    leaving: () => leave.signal.aborted,
    draining: () => drain.signal.aborted,
  });
  await listen(server, address, BACKLOG);
  log.info({ address: server.address(), config }, 'listening');
  let registered: Promise<void> | undefined;
  const running = service.run(stop.signal, () => {
    log.info('ready');
    registered = register(config, (message, detail) => log.info(detail, message), leave.signal);
  });
  if (!leave.signal.aborted) await Promise.race([once(leave.signal, 'abort'), running]);
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
  const context = { registration: { id: name, service, address, addressByZone, ttlMs }, client: connectControl(url) };
  await keepRegistered({ ...context, clock: systemClock, log }, signal);
}
