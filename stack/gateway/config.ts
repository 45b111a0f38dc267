import { z } from 'zod';
import { badConfig, httpUrlSchema, parseConfig } from '../service-config.ts';
import { accountingSchema } from './accounting/config.ts';
import { adminConfigSchema } from './admin/config.ts';
import { admissionSchema } from './admission/config.ts';
import { auditSchema } from './audit/config.ts';
import { balancerSchema } from './balancing/config.ts';
import { batchSchema } from './batch/config.ts';
import { cacheSchema } from './cache/config.ts';
import { connectionLimitsSchema } from './connections/limits.ts';
import { encryptionSchema } from './encryption/config.ts';
import { guardSchema } from './guard/config.ts';
import { corsSchema } from './http/cors.ts';
import { identityConfigSchema } from './identity/config.ts';
import { limitsSchema } from './limits/config.ts';
import { mergeSchema } from './merge/config.ts';
import { preprocessConfigSchema } from './preprocess/config.ts';
import { releaseSchema, versionLabel } from './release/config.ts';
import { tracingSchema } from './tracing/config.ts';

const durationMs = z.number().min(0).max(86_400_000);
const positiveMs = z.number().positive().max(86_400_000);
const ratio = z.number().min(0).max(1);

/** One inference replica. `name` appears in headers, metrics and logs; `url` may have a path prefix. */
const upstreamSchema = z.strictObject({
  name: z.string().regex(/^[\x21-\x7e]{1,128}$/, 'must be 1 to 128 printable ASCII characters'),
  url: httpUrlSchema,
  /** Label by which routes of `release` find it. */
  version: versionLabel,
});

/** Active health checks: `GET path` every `intervalMs` ± 10 %; a 2xx within `timeoutMs` passes. */
const healthChecksSchema = z.strictObject({
  path: z.string().startsWith('/').default('/readyz'),
  intervalMs: positiveMs.default(1000),
  timeoutMs: positiveMs.default(500),
  unhealthyAfter: z.int().min(1).default(2),
  healthyAfter: z.int().min(1).default(1),
});

/**
 * Passive outlier ejection, see `ejection.ts` and `forward/failure.ts`: `consecutiveFailures` eject an upstream, the n-th time in a row for n × `baseMs` but
 * at most `maxMs`. At most `maxEjectedRatio` of the upstreams (rounded down, but at least one of several) are ejected at once. One
 * earlier ejection is forgotten per `forgetMs` in rotation.
 */
const ejectionSchema = z.strictObject({
  consecutiveFailures: z.int().min(1).default(3),
  baseMs: positiveMs.default(2000),
  maxMs: positiveMs.default(30_000),
  maxEjectedRatio: ratio.default(0.5),
  forgetMs: positiveMs.default(10_000),
});

/**
 * Circuit breaker of each upstream, see `breaker.ts`: `consecutiveTimeouts`, or a ratio of failures of at least `errorRatio` among at least
 * `minRequests` within `windowMs`, open it for `openMs`; then it lets `trialRequests` pass, which all have to succeed.
 */
const breakerSchema = z.strictObject({
  consecutiveTimeouts: z.int().min(1).default(5),
  errorRatio: ratio.positive().default(0.5),
  minRequests: z.int().min(1).default(20),
  windowMs: positiveMs.default(10_000),
  openMs: positiveMs.default(30_000),
  trialRequests: z.int().min(1).max(1000).default(3),
});

/**
 * Zombies, see `zombies.ts`: an upstream on which none of at least `minStreams` streams shows output for `silentMs` is taken out, at most
 * `maxEjectedRatio` of all at once, and back once a completion that is tried every `trialMs` gets its token.
 */
const zombiesSchema = z.strictObject({
  silentMs: positiveMs.min(100).default(3000),
  minStreams: z.int().min(1).default(2),
  trialMs: positiveMs.min(100).default(2000),
  maxEjectedRatio: ratio.default(0.5),
});

/**
 * Retries before anything is sent to the client. The defaults suit interactive use; a slower profile, three retries after 1, 2 and 4 s, is
 * `{ maxRetries: 3, baseDelayMs: 1000, maxDelayMs: 4000 }`.
 */
const retriesSchema = z.strictObject({
  maxRetries: z.int().min(0).max(10).default(3),
  baseDelayMs: durationMs.default(50),
  maxDelayMs: durationMs.default(1000),
  jitter: z.enum(['full', 'equal', 'none']).default('full'),
  budgetRatio: ratio.default(0.2),
  budgetMinPerSecond: z.number().min(0).default(3),
});

/**
 * Timeouts of a request. `firstByteMs` and `firstTokenMs` apply to streamed responses: the former to any sign of life, the latter to
 * output. An unstreamed response is generated in full before its first byte, hence `unstreamedFirstByteMs`. `idleMs` runs from token to
 * token, and ends an idle stream at most a quarter late; comments and events without output do not extend it. A request's
 * `x-request-timeout-ms` can lower `totalMs`, never raise it. Timeouts for clients are in `connections`.
 */
const timeoutsSchema = z.strictObject({
  connectMs: positiveMs.default(1000),
  firstByteMs: positiveMs.default(10_000),
  firstTokenMs: positiveMs.default(10_000),
  unstreamedFirstByteMs: positiveMs.default(60_000),
  idleMs: positiveMs.default(10_000),
  totalMs: positiveMs.default(300_000),
});

/**
 * How much of a response is held back until it shows output, so that another attempt stays possible: `maxBytes` of it, for `maxMs`, so
 * that with a `firstTokenMs` beyond that clients see an upstream's comments in between. `off`: nothing, and its first byte is final.
 */
const holdSchema = z.strictObject({
  maxBytes: z.int().min(1).max(16_777_216).default(65_536),
  maxMs: positiveMs.default(15_000),
});

/**
 * How long an upstream that responds with 429 gets no traffic while others are available: for its `Retry-After`, but at most `maxMs`;
 * for `defaultMs` without one. `off`: not at all.
 */
const retryAfterSchema = z.strictObject({
  defaultMs: durationMs.default(1000),
  maxMs: durationMs.default(30_000),
});

/**
 * Discovery of upstreams from a Consul-compatible agent at `url`: the passing instances of `service`. `upstreams` is then only the
 * initial list and may be empty. `waitMs` bounds one blocking query, `minIntervalMs` is the minimum interval between queries,
 * `backoff` the delay after failures. Without `keepLastGood`, an empty list or a failed query removes every upstream.
 */
const discoverySchema = z.strictObject({
  url: httpUrlSchema,
  service: z.string().min(1).default('inference'),
  /** Zone of this gateway. Replicas with an address for that zone are reached at it. */
  zone: z.string().min(1).optional(),
  waitMs: positiveMs.max(600_000).default(10_000),
  minIntervalMs: durationMs.default(100),
  keepLastGood: z.boolean().default(true),
  backoff: z.strictObject({ baseDelayMs: positiveMs.default(200), maxDelayMs: positiveMs.default(5000) }).prefault({}),
});

const off = z.literal('off');

/**
 * Queue for requests while no upstream is healthy: at most `maxRequests` of them, each for at most `maxWaitMs`, which must cover a decision
 * to scale and a cold start. Others get a 503 with a `Retry-After` of `retryAfterMs`. `off`: all of them, at once.
 */
export const queueSchema = z.strictObject({
  maxRequests: z.int().min(1).max(1_000_000).default(1000),
  maxWaitMs: positiveMs.default(240_000),
  retryAfterMs: durationMs.default(10_000),
  /** Requests that an upstream gets from the queue at a time: the next one follows once one of them has its first output, or has ended. */
  perUpstream: z.int().min(1).max(10_000).default(8),
});

/**
 * Bulkhead: at most `perUpstream` requests of this gateway are in progress at each upstream, so that one that is slow ties up no more than these.
 * While all are full, at most `maxRequests` wait, each for at most `maxWaitMs`; others get a 503 with a `Retry-After` of `retryAfterMs`.
 */
const bulkheadSchema = queueSchema.extend({
  perUpstream: z.int().min(1).max(100_000).default(64),
  maxRequests: z.int().min(1).max(1_000_000).default(100),
  maxWaitMs: positiveMs.default(1000),
  retryAfterMs: durationMs.default(1000),
});

/** Schema of the gateway's configuration. Only `upstreams` is required; unknown keys are errors. */
export const gatewayConfigSchema = z.strictObject({
  name: z.string().min(1).default('gateway'),
  /** Model ids that are served and listed. Empty: any id is forwarded, none is listed. */
  models: z.array(z.string().min(1)).default([]),
  upstreams: z.array(upstreamSchema).refine(list => new Set(list.map(u => u.name)).size === list.length, {
    message: 'must have unique names',
  }),
  discovery: z.union([off, discoverySchema]).default('off'),
  /** SHA-256 of each accepted API key, in hex. Empty: no authentication. */
  apiKeyHashes: z.array(z.string().regex(/^[0-9a-fA-F]{64}$/, 'must be a SHA-256 in hex')).default([]),
  balancer: balancerSchema.default('least-connections'),
  healthChecks: z.union([off, healthChecksSchema]).prefault({}),
  ejection: z.union([off, ejectionSchema]).prefault({}),
  breaker: z.union([off, breakerSchema]).default('off'),
  zombies: z.union([off, zombiesSchema]).default('off'),
  retries: z
    .union([off.transform(() => 0), z.int().min(0).max(10), retriesSchema])
    .prefault({})
    .transform(retries => (typeof retries === 'number' ? retriesSchema.parse({ maxRetries: retries }) : retries)),
  timeouts: timeoutsSchema.prefault({}),
  hold: z.union([off, holdSchema]).prefault({}),
  retryAfter: z.union([off, retryAfterSchema]).prefault({}),
  queue: z.union([off, queueSchema]).default('off'),
  bulkhead: z.union([off, bulkheadSchema]).default('off'),
  identity: identityConfigSchema,
  limits: z.union([off, limitsSchema]).default('off'),
  cors: z.union([off, corsSchema]).default('off'),
  merge: z.union([off, mergeSchema]).default('off'),
  admission: z.union([off, admissionSchema]).default('off'),
  cache: z.union([off, cacheSchema]).default('off'),
  preprocess: z.union([off, preprocessConfigSchema]).default('off'),
  accounting: z.union([off, accountingSchema]).default('off'),
  guard: z.union([off, guardSchema]).default('off'),
  batch: z.union([off, batchSchema]).default('off'),
  release: z.union([off, releaseSchema]).default('off'),
  audit: z.union([off, auditSchema]).default('off'),
  tracing: z.union([off, tracingSchema]).default('off'),
  encryption: z.union([off, encryptionSchema]).default('off'),
  connections: connectionLimitsSchema.prefault({}),
  admin: adminConfigSchema,
  /** Maximum time for requests in flight to finish after SIGTERM. */
  drainMs: durationMs.default(5000),
  maxBodyBytes: z.union([off, z.int().min(1)]).default(1_048_576),
  /** Maximum nesting of arrays and objects; parsers behind the gateway may be recursive. */
  maxJsonDepth: z.union([off, z.int().min(1)]).default(64),
  /** Maximum sockets per upstream. Further requests wait for at most `timeouts.connectMs`. */
  maxConnectionsPerUpstream: z.int().min(1).default(4096),
});

/** A validated configuration with every default filled in. */
export type GatewayConfig = z.output<typeof gatewayConfigSchema>;
/** Configuration as written, before defaults. */
export type GatewayConfigInput = z.input<typeof gatewayConfigSchema>;

/**
 * Parses `GATEWAY_CONFIG`, see {@link parseConfig}.
 * @throws SquallError `BAD_GATEWAY_CONFIG`
 */
export function parseGatewayConfig(text: string | undefined): GatewayConfig {
  const config = parseConfig('GATEWAY_CONFIG', gatewayConfigSchema, text);
  const issue = strayWeight(config) ?? strayVersion(config);
  if (issue !== undefined) throw badConfig('GATEWAY_CONFIG', `GATEWAY_CONFIG: ${issue}`);
  return config;
}

/** An upstream that has a weight and does not exist; none can be known where discovery adds them. */
function strayWeight({ balancer, discovery, upstreams }: GatewayConfig): string | undefined {
  if (discovery !== 'off' || typeof balancer === 'string' || balancer.policy !== 'weighted') return undefined;
  const names = upstreams.map(({ name }) => name);
  const stray = Object.keys(balancer.weights).find(weighted => !names.includes(weighted));
  return (
    stray &&
    `\`balancer.weights.${stray}\`: expected the name of an upstream, one of ${names.join(', ')}, found ${JSON.stringify(stray)}`
  );
}

/** A version of a route that no upstream has; none can be known where discovery adds them. */
function strayVersion({ release, discovery, upstreams }: GatewayConfig): string | undefined {
  if (release === 'off' || discovery !== 'off') return undefined;
  const labels = [...new Set(upstreams.flatMap(({ version }) => version ?? []))];
  for (const [route, { versions }] of release.routes.entries()) {
    const stray = versions.findIndex(({ name }) => !labels.includes(name));
    if (stray < 0) continue;
    const known = labels.length === 0 ? 'none has one' : `these are ${labels.join(', ')}`;
    return `\`release.routes.${route}.versions.${stray}.name\`: must be the version of an upstream, of which ${known}, found "${versions[stray]!.name}"`;
  }
  return undefined;
}
