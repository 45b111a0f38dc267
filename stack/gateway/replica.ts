import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { scaleBounds } from '../autoscaler/bounds.ts';
import { TRACES_PATH } from '../collector/collector.ts';
import { collectorLink } from '../collector/replica.ts';
import { controlLink } from '../control/replica.ts';
import { versionOfReplica } from '../inference/replica.ts';
import { inboundLinks, linkName, numbered, programOf, zoneOf } from '../naming.ts';
import { preprocessLinks } from '../preprocess/replica.ts';
import { REDIS_USER } from '../redis/render-redis-config.ts';
import type { Addresses, ServicePlan, TopologyParts } from '../replica-plan.ts';
import { listenerToken } from '../token.ts';
import { ADMIN_TOKEN_VARIABLE } from './admin/config.ts';
import { BATCH_KEY_VARIABLE } from './batch/config.ts';
import { CACHE_KEY_VARIABLE } from './cache/config.ts';
import type { GatewayConfigInput } from './config.ts';
import { ENCRYPTION_KEY_VARIABLE } from './encryption/config.ts';

/** Drain time after SIGTERM, in ms; shorter than a platform's grace period before SIGKILL. */
const DRAIN_MS = 2000;

/** Plan of one gateway replica. */
export function gatewayReplica(name: string, parts: TopologyParts): ServicePlan {
  const { options, apiKeyHashes, zones } = parts;
  const { control, inference } = options;
  const {
    replicas: _replicas,
    port: _port,
    limits: _limits,
    admission: _admission,
    cache: _cache,
    batch: _batch,
    identity: _identity,
    accounting: _accounting,
    release: _release,
    ...behaviour
  } = options.gateway;
  const zone = zoneOf(name, zones);
  // Replicas that are not started yet are found by discovery only.
  const hops = numbered('inference', inference.replicas).map(to => ({
    to,
    link: inboundLinks(to, parts).get(zone)!,
  }));
  const toControl = controlLink('gateway', zone, parts);
  const toCollector = collectorLink(zone, parts);
  const toPools = preprocessLinks(zone, parts);
  const toRedis = linkName('gateway', zone, 'redis', zones);
  const configOf = ({ links, listeners }: Addresses): GatewayConfigInput => ({
    ...behaviour,
    name,
    // A chain of its own.
    audit: behaviour.audit === 'off' ? 'off' : { ...behaviour.audit, folder: join(behaviour.audit.folder, name) },
    tracing:
      behaviour.tracing === 'off'
        ? 'off'
        : { ...behaviour.tracing, endpoint: `http://${links[toCollector]}${TRACES_PATH}` },
    models: [inference.profile],
    queue: behaviour.queue ?? (scaleBounds(options).min === 0 ? {} : 'off'),
    ...(control === 'off'
      ? {
          upstreams: hops.map(({ to, link }) => ({
            ...{ name: to, url: `http://${links[link]}` },
            version: versionOfReplica(to, inference.versions).version,
          })),
        }
      : {
          upstreams: [],
          discovery: {
            url: `http://${links[toControl]}`,
            ...(zones.length > 1 ? { zone } : {}),
            waitMs: control.waitMs,
            keepLastGood: control.keepLastGood,
          },
        }),
    apiKeyHashes: [...apiKeyHashes],
    drainMs: DRAIN_MS,
    limits: limitsOf(parts, links[toRedis]),
    admission: admissionOf(parts),
    cache: cacheOf(parts, links[toRedis]),
    batch: batchOf(parts, links[toRedis]),
    identity: identityOf(parts, links[toRedis]),
    accounting: accountingOf(parts, links[toRedis]),
    preprocess:
      options.preprocess === 'off'
        ? 'off'
        : { ...options.preprocess.gateway, urls: toPools.map(link => `http://${links[link]}`) },
    release: releaseOf(parts, links[toRedis]),
    admin: { listen: listeners.admin! },
  });
  return {
    name,
    service: 'gateway',
    zone,
    run: { kind: 'node', program: programOf('gateway') },
    protocol: 'http',
    ready: { kind: 'http', path: '/readyz' },
    metricsPath: '/metrics',
    // With discovery the hops are not in the configuration, but the gateway still starts after the replicas behind them.
    uses: [
      ...hops.map(({ link }) => link),
      ...toPools,
      ...(control === 'off' ? [] : [toControl]),
      ...(options.redis === 'off' ? [] : [toRedis]),
      ...(behaviour.tracing === 'off' ? [] : [toCollector]),
    ],
    listeners: ['admin'],
    environment: (addresses: Addresses) => ({
      LISTEN: addresses.listen,
      GATEWAY_CONFIG: JSON.stringify(configOf(addresses)),
      [ADMIN_TOKEN_VARIABLE]: listenerToken(addresses.token, 'admin'),
      ...(parts.signingKeys === undefined ? {} : { GATEWAY_SIGNING_KEYS: parts.signingKeys }),
      ...(parts.cacheKey === undefined ? {} : { [CACHE_KEY_VARIABLE]: parts.cacheKey }),
      ...(parts.batchKey === undefined ? {} : { [BATCH_KEY_VARIABLE]: parts.batchKey }),
      ...(parts.encryptionKey === undefined ? {} : { [ENCRYPTION_KEY_VARIABLE]: parts.encryptionKey }),
    }),
  };
}

/**
 * Identity of one gateway. Its signing keys are in the environment, as all secrets are.
 * @param redis address of the link to Redis; undefined without one
 */
function identityOf(
  { options, redisPassword }: TopologyParts,
  redis: string | undefined,
): GatewayConfigInput['identity'] {
  const { identity } = options.gateway;
  if (identity === 'off') return 'off';
  const { redisTimeoutMs: timeoutMs, ...rest } = identity;
  if (redis === undefined) return rest;
  return { ...rest, redis: { url: redisUrl(redisPassword, redis), timeoutMs } };
}

/** Release of one gateway. @param redis address of the link to Redis; undefined without one */
function releaseOf(
  { options, redisPassword }: TopologyParts,
  redis: string | undefined,
): GatewayConfigInput['release'] {
  const { release } = options.gateway;
  if (release === 'off') return 'off';
  const { versions, primary, ...rest } = release;
  const routes = [{ model: options.inference.profile, versions, primary }];
  return { ...rest, routes, ...(redis !== undefined && { redis: { url: redisUrl(redisPassword, redis) } }) };
}

/**
 * Rate limits of one gateway.
 * @param redis address of the link to Redis; undefined without one
 */
function limitsOf({ options, redisPassword }: TopologyParts, redis: string | undefined): GatewayConfigInput['limits'] {
  const { limits, replicas } = options.gateway;
  if (limits === 'off') return 'off';
  const { redisTimeoutMs: timeoutMs, ...rest } = limits;
  if (redis === undefined) return { ...rest, replicas };
  return { ...rest, replicas, redis: { url: redisUrl(redisPassword, redis), timeoutMs } };
}

/** Cache of one gateway. @param redis address of the link to Redis, without which there is none */
function cacheOf({ options, redisPassword }: TopologyParts, redis: string | undefined): GatewayConfigInput['cache'] {
  const { cache } = options.gateway;
  if (cache === 'off' || redis === undefined) return 'off';
  const { redisTimeoutMs: timeoutMs, ...rest } = cache;
  return { ...rest, redis: { url: redisUrl(redisPassword, redis), timeoutMs } };
}

/** Batches of one gateway. @param redis address of the link to Redis, without which there are none */
function batchOf({ options, redisPassword }: TopologyParts, redis: string | undefined): GatewayConfigInput['batch'] {
  const { batch } = options.gateway;
  if (batch === 'off' || redis === undefined) return 'off';
  const { redisTimeoutMs: timeoutMs, ...rest } = batch;
  return {
    ...rest,
    key: { environment: BATCH_KEY_VARIABLE },
    redis: { url: redisUrl(redisPassword, redis), timeoutMs },
  };
}

/**
 * Accounting of one gateway, which knows keys by their SHA-256 only. An hour of a GPU has the price of a replica where it has none of its own.
 * @param redis address of the link to Redis, without which there is none
 */
function accountingOf(
  { options, redisPassword }: TopologyParts,
  redis: string | undefined,
): GatewayConfigInput['accounting'] {
  const { accounting, replicas } = options.gateway;
  if (accounting === 'off' || redis === undefined) return 'off';
  const { redisTimeoutMs: timeoutMs, prices, keys, ...rest } = accounting;
  const { pricePerHour } = options.inference;
  return {
    ...rest,
    ...{ replicas, keys: keys.map(({ key, quota }) => ({ sha256: sha256Of(key), quota })) },
    prices: { ...prices, ...(pricePerHour !== undefined && { gpuHour: prices.gpuHour ?? pricePerHour }) },
    redis: { url: redisUrl(redisPassword, redis), timeoutMs },
  };
}

function sha256Of(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

function redisUrl(password: string, address: string): string {
  return `redis://${REDIS_USER}:${password}@${address}`;
}

/** Admission of one gateway, which knows keys by their SHA-256 only. */
function admissionOf({ options }: TopologyParts): GatewayConfigInput['admission'] {
  const { admission, replicas } = options.gateway;
  if (admission === 'off') return 'off';
  const keys = admission.keys.map(({ key, ...entitlement }) => ({
    sha256: sha256Of(key),
    ...entitlement,
  }));
  return { ...admission, replicas, keys };
}
