import { z } from 'zod';
import { SquallError } from '../../harness/errors.ts';
import { addressSchema, describeIssues, networkSchema } from '../service-config.ts';

// Text in nginx's configuration is restricted to characters without a special meaning there, so that no option can end a directive,
// open a block or reference a variable.
const relativePath = z
  .string()
  .regex(
    /^(?!\/)(?!.*\.\.)[A-Za-z0-9._/-]{1,200}$/,
    'must be a path below the prefix of only letters, digits and . _ - /',
  );
const urlPath = z
  .string()
  .regex(/^\/[A-Za-z0-9._~/-]{0,200}$/, 'must be an absolute path of only letters, digits and . _ ~ - /');
const hostName = z.string().regex(/^[A-Za-z0-9.-]{1,253}$/, 'must be a host name');
const timeoutMs = z.int().min(1).max(86_400_000);
const count = z.int().min(1).max(1_000_000);
const off = z.literal('off');

/** Balancing of requests. The n-th weight belongs to the n-th upstream; the default weight is 1. */
const balancingSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('weighted'), weights: z.array(z.int().min(1).max(1000)).min(1).max(64) }),
  z.strictObject({ kind: z.literal('least-connections') }),
  z.strictObject({ kind: z.literal('ip-hash') }),
  z.strictObject({ kind: z.literal('round-robin') }),
]);

/**
 * Passive failure detection: after `maxFails` failures within `failTimeoutMs` an upstream gets no requests for `failTimeoutMs`, which
 * nginx rounds up to seconds. It ignores both with a single upstream. A failure is a refused or reset connection, a timeout or a
 * malformed response; an error status such as 503 is not, since the gateway reports it about its own upstreams.
 */
const passiveFailureSchema = z.strictObject({
  maxFails: z.int().min(1).max(1000).default(3),
  failTimeoutMs: z.int().min(1000).max(86_400_000).default(30_000),
});

const tlsSchema = z.strictObject({
  /** PEM file relative to the prefix. Certificate and key may share one file, which makes replacement atomic. */
  certificate: relativePath.default('certificates/server.pem'),
  key: relativePath.default('certificates/server.pem'),
  minVersion: z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.3'),
  /** Redirect plain HTTP to HTTPS with 308. */
  redirect: z.boolean().default(true),
  /** Host to redirect to. @default the host of the request */
  serverName: hostName.optional(),
});

/** Rate limit per client address, a leaky bucket: 1 + `burst` requests pass at once, then `perSecond`. */
const rateLimitSchema = z.strictObject({ perSecond: count.default(100), burst: z.int().min(0).max(1e6).default(200) });

/**
 * Timeouts. `headerMs` bounds the whole header; `bodyMs` and `sendMs` bound the gap between two reads or writes, since nginx cannot
 * bound the total. `upstreamReadMs` bounds the gap between two reads from an upstream and thus an entire unstreamed generation; it
 * is slightly longer than the gateway's own timeout, whose error is more specific.
 */
const timeoutsSchema = z.strictObject({
  headerMs: timeoutMs.default(10_000),
  bodyMs: timeoutMs.default(10_000),
  sendMs: timeoutMs.default(10_000),
  idleMs: timeoutMs.default(75_000),
  upstreamConnectMs: timeoutMs.default(1000),
  upstreamReadMs: timeoutMs.default(305_000),
});

/** Cache lifetimes of responses to GET, in ms; at least 1 s, rounded up to seconds by nginx. */
const cacheSchema = z.strictObject({
  okMs: z.int().min(1000).max(86_400_000).default(600_000),
  notFoundMs: z.int().min(1000).max(86_400_000).default(60_000),
  /**
   * Caching of requests with a key (`Authorization`, `X-Api-Key`): `per-key` stores one response per key, so the cache files
   * contain the keys (mode 0600, below the prefix); `never` bypasses the cache.
   */
  authenticated: z.enum(['per-key', 'never']).default('per-key'),
});

const DEFAULT_STREAMING_PATHS = ['/v1/chat/completions', '/v1/completions', '/v1/responses', '/v1/messages'];

/** Routes that respond with token streams. `buffering: 'on'` demonstrates what breaks with buffering. */
const streamingSchema = z.strictObject({
  paths: z.array(urlPath).max(64).default(DEFAULT_STREAMING_PATHS),
  buffering: z.enum(['off', 'on']).default('off'),
});

/** Options of the nginx in front of the gateways. Unknown keys are errors. */
export const edgeOptionsSchema = z.strictObject({
  balancing: balancingSchema.default({ kind: 'round-robin' }),
  passiveFailure: z.union([off, passiveFailureSchema]).prefault({}),
  /** Maximum number of upstreams tried per request; 1 disables retries. */
  tries: z.int().min(1).max(64).default(2),
  tls: z.union([off, tlsSchema]).default('off'),
  rateLimit: z.union([off, rateLimitSchema]).default('off').describe('per client address'),
  maxConnectionsPerAddress: z.union([off, z.int().min(1).max(65_535)]).default('off'),
  timeouts: z.union([off, timeoutsSchema]).prefault({}),
  maxUserAgentBytes: z
    .union([off, z.int().min(2).max(8000)])
    .default(2047)
    .describe('longer ones are rejected with 403'),
  maxBodyBytes: z.int().min(1).max(1_073_741_824).default(1_048_576),
  waf: z.enum(['off', 'modsecurity']).default('off'),
  /** Networks with access; all other clients are rejected with 403. */
  allowList: z.union([off, z.array(networkSchema).min(1).max(1000)]).default('off'),
  /** Outer proxies whose `X-Forwarded-For` is trusted. Without any, the header is ignored. */
  trustedProxies: z.array(networkSchema).max(64).default([]),
  cache: z.union([off, cacheSchema]).default('off'),
  streaming: streamingSchema.prefault({}),
  /** Maximum idle connections to the upstreams; each is closed before Node's servers would do so (5 s). */
  keepAliveConnections: z.union([off, z.int().min(1).max(65_535)]).default(64),
  workers: z.int().min(1).max(64).default(1),
  connectionsPerWorker: z.int().min(16).max(65_535).default(4096),
  /** Maximum lifetime of open connections after a reload. */
  drainMs: timeoutMs.default(305_000),
});

/** Edge options with every default filled in. */
export type EdgeOptions = z.output<typeof edgeOptionsSchema>;
/** Edge options as written, before defaults. */
export type EdgeOptionsInput = z.input<typeof edgeOptionsSchema>;

/** Schema of the edge's listeners and upstreams, all `host:port`. */
export const edgeAddressesSchema = z.strictObject({
  /** Plain HTTP. Optional with TLS, where it redirects. */
  http: addressSchema.optional(),
  /** Required with TLS. */
  https: addressSchema.optional(),
  /** Separate listener for `/nginx_status` and `/healthz`; should be on loopback. */
  status: addressSchema,
  upstreams: z.array(addressSchema).min(1).max(64),
});

/** Listeners and upstreams of the edge. */
export type EdgeAddresses = z.output<typeof edgeAddressesSchema>;

/**
 * Parses `input` with a schema of this file.
 * @throws SquallError `BAD_EDGE_OPTIONS`, naming every invalid key
 */
export function parseEdge<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw badEdge(describeIssues(parsed.error.issues, input));
}

/** Error for options that contradict each other or cannot be rendered. */
export function badEdge(message: string): SquallError {
  return new SquallError('option', 'BAD_EDGE_OPTIONS', message, { next: "Correct the edge's options." });
}
