import { connectControl } from '../control/client.ts';
import { drainServer, listen, parseListen, type ServiceContext } from '../service-program.ts';
import { parseGatewayConfig } from './config.ts';
import { Gateway } from './gateway.ts';
import { createGatewayServer } from './http/server.ts';
import { redisBuckets } from './limits/redis-buckets.ts';
import { undiciTransport } from './upstream/undici-transport.ts';

/** The gateway, from its start until it has drained. @throws SquallError `BAD_GATEWAY_CONFIG`, `BAD_LISTEN`, `CANNOT_LISTEN` */
export async function serveGateway(context: ServiceContext): Promise<void> {
  const { environment, clock, network, random, names, stopped } = context;
  const config = parseGatewayConfig(environment.GATEWAY_CONFIG);
  const endpoint = parseListen(environment.LISTEN);
  const log = context.logger({ service: config.name });
  const limits = { connectMs: config.timeouts.connectMs, maxConnections: config.maxConnectionsPerUpstream };
  const gateway = new Gateway({
    ...{ config, clock, random, names, log },
    transport: url => undiciTransport(url, limits, context),
    control: url => connectControl(url, context),
    sharedBuckets: redis => redisBuckets(redis, network),
  });
  context.measureProcess?.(gateway.metrics.registry);
  const server = createGatewayServer(gateway);
  const { host: address, port } = await listen(context, server, endpoint);
  log.info({ address, port, upstreams: config.upstreams.map(upstream => upstream.name) }, 'listening');
  gateway.start();

  const signal = await stopped;
  log.info({ signal, drainMs: config.drainMs }, 'draining');
  gateway.drain();
  const clean = await drainServer(server, config.drainMs, clock);
  await gateway[Symbol.asyncDispose]();
  log.info({ clean }, 'stopped');
}
