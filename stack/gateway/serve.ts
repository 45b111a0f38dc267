import type { Server } from 'node:http';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { connectControl } from '../control/client.ts';
import { drainServer, listen, parseListen, type ServiceContext } from '../service-program.ts';
import { usageLedger } from './accounting/redis-ledger.ts';
import { type AdminChange, createAdminServer } from './admin/admin-server.ts';
import { ADMIN_TOKEN_VARIABLE } from './admin/config.ts';
import type { BatchStore } from './batch/batch-service.ts';
import { sealedContents } from './batch/contents.ts';
import { redisLedger } from './batch/ledger/redis-ledger.ts';
import { readCacheKey } from './cache/cache-key.ts';
import { redisCacheStore } from './cache/redis-cache-store.ts';
import { Sealing } from './cache/sealing.ts';
import { type GatewayConfig, parseGatewayConfig } from './config.ts';
import { Gateway } from './gateway.ts';
import { createGatewayServer } from './http/server.ts';
import { redisBuckets } from './limits/redis-buckets.ts';
import { redisDecisions } from './release/redis-store.ts';
import { undiciTransport } from './upstream/undici-transport.ts';

/** The gateway, from its start until it has drained. @throws SquallError `BAD_GATEWAY_CONFIG`, `BAD_SIGNING_KEYS`, `BAD_GATEWAY_ADMIN_TOKEN`, `BAD_LISTEN`, `CANNOT_LISTEN` */
export async function serveGateway(context: ServiceContext): Promise<void> {
  const { environment, clock, network, random, names, stopped } = context;
  const config = parseGatewayConfig(environment.GATEWAY_CONFIG);
  const endpoint = parseListen(environment.LISTEN);
  const log = context.logger({ service: config.name });
  const limits = { connectMs: config.timeouts.connectMs, maxConnections: config.maxConnectionsPerUpstream };
  const identity = await identityOf(config, context, log);
  const gateway = new Gateway({
    ...{ config, clock, random, names, log, identity },
    transport: url => undiciTransport(url, limits, context),
    control: url => connectControl(url, context),
    tracing: await tracingOf(config, context, log),
    encryption: await encryptionOf(config, context, log),
    cache: cacheOf(config, context),
    batch: batchOf(config, context),
    accounting:
      config.accounting === 'off'
        ? undefined
        : { ledger: usageLedger(config.accounting.redis, network), newId: context.newId },
    settle: context.settle,
    decisions: decisionsOf(config, context),
    sharedBuckets: redis => redisBuckets(redis, network),
  });
  context.measureProcess?.(gateway.metrics.registry);
  const server = createGatewayServer(gateway);
  await gateway.audit?.start();
  await gateway.identity?.start();
  await gateway.release?.start();
  const admin = await listenAdmin(gateway, config.admin, context, log);
  const { host: address, port } = await listen(context, server, endpoint);
  log.info({ address, port, upstreams: config.upstreams.map(upstream => upstream.name) }, 'listening');
  gateway.start();

  const signal = await stopped;
  log.info({ signal, drainMs: config.drainMs }, 'draining');
  gateway.drain();
  const clean = await drainServer(server, config.drainMs, clock);
  admin?.closeAllConnections();
  admin?.close();
  await gateway[Symbol.asyncDispose]();
  log.info({ clean }, 'stopped');
}

async function listenAdmin(
  { adminRoutes: routes, audit }: Gateway,
  admin: GatewayConfig['admin'],
  context: ServiceContext,
  log: Logger,
): Promise<Server | undefined> {
  if (admin === 'off') return undefined;
  const onChange = audit && ((change: AdminChange) => audit.recordChange(change));
  const server = createAdminServer({ routes, token: context.environment[ADMIN_TOKEN_VARIABLE], log, onChange });
  await listen(context, server, parseListen(admin.listen));
  return server;
}

/** Its cryptography is loaded only where it is used. */
async function identityOf(config: GatewayConfig, context: ServiceContext, log: Logger) {
  if (config.identity === 'off') return undefined;
  const { prepareIdentity } = await context.settle(() => import('./identity/open-identity.ts'));
  return prepareIdentity(config.identity, config.apiKeyHashes, context, log);
}

/** The SDK is loaded only where it is used. */
async function tracingOf({ tracing, name }: GatewayConfig, context: ServiceContext, log: Logger) {
  if (tracing === 'off') return undefined;
  const { prepareTracing } = await context.settle(() => import('./tracing/open-tracing.ts'));
  return prepareTracing(tracing, name, context, log);
}

/** So is its cryptography. */
async function encryptionOf({ encryption: config }: GatewayConfig, context: ServiceContext, log: Logger) {
  if (config === 'off') return undefined;
  const { clock, newId, environment } = context;
  const secret = readCacheKey(config, environment, 'encryption');
  const { Encryption } = await context.settle(() => import('./encryption/encryption.ts'));
  return (registry: Registry) => {
    const encryption = new Encryption({ config, secret, clock, newId, registry });
    log.info({ publicKey: encryption.publicKey }, 'encryption');
    return encryption;
  };
}

function decisionsOf({ release }: GatewayConfig, { network }: ServiceContext) {
  return release === 'off' || !release.redis ? undefined : redisDecisions(release.redis, network);
}

function batchOf({ batch }: GatewayConfig, { environment, network, newId }: ServiceContext): BatchStore | undefined {
  if (batch === 'off') return undefined;
  const { key, redis } = batch;
  const contents =
    key === 'off' ? undefined : sealedContents(new Sealing(readCacheKey({ key }, environment, 'batch'), newId));
  return { ledger: redisLedger(redis, network), newId, contents };
}

function cacheOf({ cache }: GatewayConfig, { environment, network, newId }: ServiceContext) {
  if (cache === 'off') return undefined;
  const sealing = new Sealing(readCacheKey(cache, environment), newId);
  return { store: redisCacheStore(cache.redis, network), sealing };
}
