import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import pino from 'pino';
import { collectDefaultMetrics } from 'prom-client';
import { settlesWithin, systemClock } from '../../harness/clock.ts';
import { hostNames } from '../../harness/http/own-names.ts';
import { seededRandom } from '../../harness/random.ts';
import { connectControl } from '../control/client.ts';
import { drainServer, listen, parseListen, runProgram, stopSignal } from '../service-program.ts';
import { parseGatewayConfig } from './config.ts';
import { Gateway } from './gateway.ts';
import { createGatewayServer } from './http/server.ts';
import { redisBuckets } from './limits/redis-buckets.ts';
import { undiciTransport } from './upstream/undici-transport.ts';

/**
 * Gateway program.
 *
 * Environment: `LISTEN=127.0.0.1:8080`, `GATEWAY_CONFIG='{"upstreams":[{"name":"a","url":"http://127.0.0.1:8000"}]}'`.
 * Logs JSON lines to stdout, the first of which is `listening`. SIGTERM or SIGINT drains and exits with 0; an invalid setting or a
 * port in use prints one line to stderr and exits with 1.
 */
async function main(): Promise<void> {
  const config = parseGatewayConfig(process.env.GATEWAY_CONFIG);
  const listenAt = parseListen(process.env.LISTEN);
  // Asynchronous, with lines batched during a write. If the reader is stuck, lines are dropped instead of filling memory.
  const destination = pino.destination({ fd: 1, sync: false, maxLength: 16_777_216 });
  const log = pino({ base: { service: config.name } }, destination);
  const { connectMs } = config.timeouts;
  const gateway = new Gateway({
    config,
    clock: systemClock,
    random: seededRandom(randomInt(2 ** 32)),
    transport: url => undiciTransport(url, { connectMs, maxConnections: config.maxConnectionsPerUpstream }),
    control: connectControl,
    names: hostNames(),
    log,
    sharedBuckets: redisBuckets,
  });
  collectDefaultMetrics({ register: gateway.metrics.registry });
  const server = createGatewayServer(gateway);
  const stopped = stopSignal();
  await listen(server, listenAt);
  const { address, port } = server.address() as AddressInfo;
  log.info({ address, port, upstreams: config.upstreams.map(upstream => upstream.name) }, 'listening');
  gateway.start();

  const signal = await stopped;
  log.info({ signal, drainMs: config.drainMs }, 'draining');
  gateway.drain();
  const clean = await drainServer(server, config.drainMs, systemClock);
  await gateway[Symbol.asyncDispose]();
  log.info({ clean }, 'stopped');
  // Flush the log, unless stdout is no longer read.
  const written = once(destination, 'close');
  destination.end();
  await settlesWithin(written, 1000, systemClock);
  process.exit(0);
}

await runProgram('gateway', main);
