import { randomInt, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { collectDefaultMetrics } from 'prom-client';
import { systemClock } from '../../harness/clock.ts';
import { messageOf, SquallError } from '../../harness/errors.ts';
import { seededRandom } from '../../harness/random.ts';
import { parseListen } from '../gateway/config.ts';
import { parseControlConfig } from './config.ts';
import { Control } from './control.ts';

/*
 * The control service as a program: service discovery with Consul's HTTP API, and the size of deployments with Kubernetes'.
 *
 *   LISTEN=127.0.0.1:8500 CONTROL_CONFIG='{"deployments":[{"name":"inference","replicas":3}]}' node stack/control/main.ts
 *
 * Logs are JSON lines on stdout, the first one is `listening`. Exits 0 after SIGTERM or SIGINT, 1 with a message on stderr when
 * it cannot start.
 */

/** How long answers may take after SIGTERM. */
const DRAIN_MS = 1000;

try {
  await main();
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n${error instanceof SquallError && error.next ? `${error.next}\n` : ''}`);
  process.exit(1);
}

async function main(): Promise<void> {
  const config = parseControlConfig(process.env.CONTROL_CONFIG);
  const listen = parseListen(process.env.LISTEN);
  const stopped = new Promise<void>(resolve => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
  const log = pino({ base: { name: config.name } }, pino.destination({ dest: 1, sync: true }));
  using control = new Control({
    config,
    clock: systemClock,
    random: seededRandom(randomInt(2 ** 32)),
    newUid: randomUUID,
    address: listen.host,
    probe,
    log: (line, message) => log.info(line, message),
  });
  collectDefaultMetrics({ register: control.metrics.registry });
  const server = createServer(
    { headersTimeout: 10_000, requestTimeout: 60_000, connectionsCheckingInterval: 1000, keepAliveTimeout: 75_000 },
    (request, response) => void control.handle(request, response),
  );
  server.maxConnections = 8192;
  await listening(server.listen(listen.port, listen.host), listen);
  const { address, port } = server.address() as AddressInfo;
  log.info({ address, port }, 'listening');
  void control.run();
  await stopped;
  log.info('draining');
  control.drain();
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  setTimeout(() => server.closeAllConnections(), DRAIN_MS).unref();
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  await closed;
  clearInterval(idle);
  log.info('stopped');
  process.exit(0);
}

/** One GET on a connection of its own; the body is not read. */
async function probe(url: string, timeoutMs: number, signal: AbortSignal): Promise<number> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const response = await fetch(url, { signal: limited, headers: { connection: 'close' } });
  await response.body?.cancel();
  return response.status;
}

async function listening(server: ReturnType<typeof createServer>, { host, port }: { host: string; port: number }) {
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new SquallError('environment', 'CANNOT_LISTEN', `Cannot listen on ${host}:${port}: ${messageOf(cause)}.`, {
      next: 'Stop the program that listens there or choose another LISTEN.',
      cause,
    });
  }
}
