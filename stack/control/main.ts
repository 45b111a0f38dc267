import { randomInt, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { collectDefaultMetrics } from 'prom-client';
import { systemClock } from '../../harness/clock.ts';
import { hostNames } from '../../harness/http/own-names.ts';
import { seededRandom } from '../../harness/random.ts';
import { drainServer, listen, parseListen, runProgram, stopSignal } from '../service-program.ts';
import { requireToken, TOKEN_VARIABLE } from '../token.ts';
import { parseControlConfig } from './config.ts';
import { Control } from './control.ts';

/*
 * Control service program: service discovery over Consul's HTTP API, and scaling of deployments over Kubernetes'.
 *
 *   LISTEN=127.0.0.1:8500 STACK_TOKEN=$(openssl rand -hex 32) CONTROL_CONFIG='{"deployments":[{"name":"inference","replicas":3}]}' node stack/control/main.ts
 *
 * Logs JSON lines to stdout, the first of which is `listening`. Exits with 0 after SIGTERM or SIGINT, with 1 and a message on stderr
 * if it cannot start.
 */

/** Maximum time for requests in flight to finish after SIGTERM. */
const DRAIN_MS = 1000;

await runProgram('control', main);

async function main(): Promise<void> {
  const config = parseControlConfig(process.env.CONTROL_CONFIG);
  const listenAt = parseListen(process.env.LISTEN);
  const token = requireToken(process.env[TOKEN_VARIABLE]);
  const stopped = stopSignal();
  const log = pino({ base: { name: config.name } }, pino.destination({ dest: 1, sync: true }));
  using control = new Control({
    config,
    clock: systemClock,
    random: seededRandom(randomInt(2 ** 32)),
    newUid: randomUUID,
    address: listenAt.host,
    token,
    names: hostNames(),
    probe,
    log: (line, message) => log.info(line, message),
  });
  collectDefaultMetrics({ register: control.metrics.registry });
  const server = createServer(
    { headersTimeout: 10_000, requestTimeout: 60_000, connectionsCheckingInterval: 1000, keepAliveTimeout: 75_000 },
    (request, response) => void control.handle(request, response),
  );
  server.maxConnections = 8192;
  await listen(server, listenAt);
  const { address, port } = server.address() as AddressInfo;
  log.info({ address, port }, 'listening');
  void control.run();
  await stopped;
  log.info('draining');
  control.drain();
  await drainServer(server, DRAIN_MS, systemClock);
  log.info('stopped');
  process.exit(0);
}

/** Sends one GET on a new connection, without following a redirect or reading the body. */
async function probe(url: string, timeoutMs: number, signal: AbortSignal): Promise<number> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const response = await fetch(url, { signal: limit, redirect: 'manual', headers: { connection: 'close' } });
  await response.body?.cancel();
  return response.status;
}
