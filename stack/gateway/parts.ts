import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Clock } from '../../harness/clock.ts';
import { messageOf } from '../../harness/errors.ts';
import { badConfig } from '../service-config.ts';
import type { ServiceContext } from '../service-program.ts';
import { Accounting } from './accounting/accounting.ts';
import type { Ledger } from './accounting/ledger.ts';
import { AuditLog } from './audit/audit-log.ts';
import { CacheMetrics } from './cache/cache-metrics.ts';
import { ResponseCache } from './cache/response-cache.ts';
import type { Sealing } from './cache/sealing.ts';
import type { CacheStore } from './cache/store.ts';
import type { GatewayConfig } from './config.ts';
import type { Deadlines } from './forward/deadlines.ts';
import type { Exchange } from './http/exchange.ts';
import type { SharedBuckets } from './limits/bucket.ts';
import type { LimitsConfig } from './limits/config.ts';
import { LimitMetrics } from './limits/limit-metrics.ts';
import { Limiter } from './limits/limiter.ts';
import { Preparer } from './preprocess/preparer.ts';
import type { TransportFactory } from './upstream/transport.ts';

/** Stores of the gateway's parts, each required when its part is on. */
export interface PartStores {
  /** Opens the rate limit store that gateways share; used when `config.limits.redis` is set. */
  readonly sharedBuckets?: (redis: NonNullable<LimitsConfig['redis']>) => SharedBuckets;
  /** Where usage is kept, and a source of unique ids. */
  readonly accounting?: { readonly ledger: Ledger; readonly newId: () => string } | undefined;
  /** Waits for the files of the audit log. */
  readonly settle?: ServiceContext['settle'];
  /** Where the cache keeps its entries, and what encrypts them. */
  readonly cache?: { readonly store: CacheStore; readonly sealing: Sealing } | undefined;
}

/** What every part is given. */
export interface PartContext {
  readonly config: GatewayConfig;
  readonly clock: Clock;
  readonly log: Logger;
  readonly deadlines: Deadlines;
  readonly registry: Registry;
}

/** Rate limits; undefined where they are off. */
export function createLimiter({ config, registry, ...context }: PartContext, stores: PartStores): Limiter | undefined {
  const { limits } = config;
  if (limits === 'off') return undefined;
  const shared = limits.redis && stores.sharedBuckets?.(limits.redis);
  return new Limiter({ ...context, config: limits, metrics: new LimitMetrics(registry), shared });
}

/** The cache of responses; undefined where it is off. */
export function createCache({ config, registry, ...context }: PartContext, { cache }: PartStores) {
  if (config.cache === 'off' || !cache) return undefined;
  return new ResponseCache({ ...context, ...cache, config: config.cache, metrics: new CacheMetrics(registry) });
}

/** Accounting; undefined where it is off. */
export function createAccounting({ config, ...context }: PartContext, { accounting }: PartStores) {
  if (config.accounting === 'off' || !accounting) return undefined;
  return new Accounting({ ...context, ...accounting, config: config.accounting, models: config.models });
}

/** Preprocessing; undefined where it is off. @param transport to the pools */
export function createPreparer({ config, ...context }: PartContext, transport: TransportFactory): Preparer | undefined {
  return config.preprocess === 'off' ? undefined : new Preparer({ ...context, config: config.preprocess, transport });
}

/** The audit log; undefined where it is off. @param addressOf address of the client of a request @throws SquallError `BAD_GATEWAY_CONFIG` */
export function createAudit(
  { config, clock, log, registry }: PartContext,
  { settle }: PartStores,
  addressOf: (exchange: Exchange) => string | undefined,
): AuditLog | undefined {
  if (config.audit === 'off' || !settle) return undefined;
  try {
    return new AuditLog({ config: config.audit, clock, log, registry, settle, addressOf });
  } catch (cause) {
    throw badConfig('GATEWAY_CONFIG', `GATEWAY_CONFIG: \`audit.folder\`: ${messageOf(cause)}`, cause);
  }
}
