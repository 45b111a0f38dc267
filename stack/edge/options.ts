import { isIP } from 'node:net';
import { z } from 'zod';
import { SquallError } from '../../harness/errors.ts';
import { describeIssues } from '../service-config.ts';

// What reaches nginx's configuration as text is narrowed to characters that have no meaning there, so that no option can end a
// directive, open a block or name a variable.
const relativePath = z
  .string()
  .regex(
    /^(?!\/)(?!.*\.\.)[A-Za-z0-9._/-]{1,200}$/,
    'must be a path below the prefix, of letters, digits and . _ - / alone',
  );
const urlPath = z
  .string()
  .regex(/^\/[A-Za-z0-9._~/-]{0,200}$/, 'must be an absolute path of letters, digits and . _ ~ - / alone');
const hostName = z.string().regex(/^[A-Za-z0-9.-]{1,253}$/, 'must be a host name');
const network = z.string().refine(isNetwork, 'must be an IP address or a network such as 10.0.0.0/8');
const timeoutMs = z.int().min(1).max(86_400_000);
const count = z.int().min(1).max(1_000_000);
const off = z.literal('off');

/** How requests are spread. The n-th weight belongs to the n-th upstream; upstreams without one weigh 1. */
const balancingSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('weighted'), weights: z.array(z.int().min(1).max(1000)).min(1).max(64) }),
  z.strictObject({ kind: z.literal('least_conn') }),
  z.strictObject({ kind: z.literal('ip_hash') }),
  z.strictObject({ kind: z.literal('round-robin') }),
]);

/**
 * After `maxFails` failed attempts within `failTimeoutMs` an upstream gets no requests for `failTimeoutMs`. nginx counts in
 * whole seconds, so it is rounded up, and ignores both where there is only one upstream. A failure is a refused, reset,
 * timed-out or malformed exchange; an answer, even a 503, is none: the gateway behind says that of its own upstreams.
 */
const passiveFailureSchema = z.strictObject({
  maxFails: z.int().min(1).max(1000).default(3),
  failTimeoutMs: z.int().min(1000).max(86_400_000).default(30_000),
});

const tlsSchema = z.strictObject({
  /** PEM, relative to the prefix. One file may hold both, which makes their replacement atomic. */
  certificate: relativePath.default('certificates/server.pem'),
  key: relativePath.default('certificates/server.pem'),
  minVersion: z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.3'),
  /** Answers plain HTTP with 308 to the same path under https. */
  redirect: z.boolean().default(true),
  /** The host to redirect to. @default the one that the client asked for */
  serverName: hostName.optional(),
});

/** A leaky bucket for each client address: 1 + `burst` requests pass at once, then `perSecond` of them. */
const rateLimitSchema = z.strictObject({ perSecond: count.default(100), burst: z.int().min(0).max(1e6).default(200) });

/**
 * `headerMs` bounds the whole header; `bodyMs` and `sendMs` bound the gap between two reads or writes, not the total: nginx
 * cannot do that. `upstreamReadMs` bounds the gap between two reads from an upstream, hence also a whole generation that is
 * not streamed; it is a little more than the gateway's own limit, whose answer says more.
 */
const timeoutsSchema = z.strictObject({
  headerMs: timeoutMs.default(10_000),
  bodyMs: timeoutMs.default(10_000),
  sendMs: timeoutMs.default(10_000),
  idleMs: timeoutMs.default(75_000),
  upstreamConnectMs: timeoutMs.default(1000),
  upstreamReadMs: timeoutMs.default(305_000),
});

/** How long answers to GET are kept, in ms of at least a second; nginx counts in whole seconds, so they are rounded up. */
const cacheSchema = z.strictObject({
  okMs: z.int().min(1000).max(86_400_000).default(600_000),
  notFoundMs: z.int().min(1000).max(86_400_000).default(60_000),
  /**
   * Requests with a key (`Authorization`, `X-Api-Key`): `per-key` stores one answer for each key, and the keys then stand in
   * the cache files (mode 0600, below the prefix); `never` neither stores nor serves them.
   */
  authenticated: z.enum(['per-key', 'never']).default('per-key'),
});

const DEFAULT_STREAMING_PATHS = ['/v1/chat/completions', '/v1/completions', '/v1/responses', '/v1/messages'];

/** Routes whose answers are token streams. `buffering: 'on'` is there to show what goes wrong with it. */
const streamingSchema = z.strictObject({
  paths: z.array(urlPath).max(64).default(DEFAULT_STREAMING_PATHS),
  buffering: z.enum(['off', 'on']).default('off'),
});

/** The options of an nginx in front of the gateways. Unknown keys are errors. */
export const edgeOptionsSchema = z.strictObject({
  balancing: balancingSchema.default({ kind: 'round-robin' }),
  passiveFailure: z.union([off, passiveFailureSchema]).prefault({}),
  /** Upstreams that one request may try; 1 never tries another. */
  tries: z.int().min(1).max(64).default(2),
  tls: z.union([off, tlsSchema]).default('off'),
  rateLimit: z.union([off, rateLimitSchema]).default('off').describe('per client address'),
  maxConnectionsPerAddress: z.union([off, z.int().min(1).max(65_535)]).default('off'),
  timeouts: z.union([off, timeoutsSchema]).prefault({}),
  maxUserAgentBytes: z
    .union([off, z.int().min(2).max(8000)])
    .default(2047)
    .describe('a longer one is answered 403'),
  maxBodyBytes: z.int().min(1).max(1_073_741_824).default(1_048_576),
  waf: z.enum(['off', 'modsecurity']).default('off'),
  /** Networks that may come in; everybody else is answered 403. */
  allowList: z.union([off, z.array(network).min(1).max(1000)]).default('off'),
  /** Proxies in front whose `X-Forwarded-For` names the client. Without any, that header is not believed. */
  trustedProxies: z.array(network).max(64).default([]),
  cache: z.union([off, cacheSchema]).default('off'),
  streaming: streamingSchema.prefault({}),
  /** Idle connections kept open to the upstreams, for less time than Node's servers keep theirs (5 s). */
  keepAliveConnections: z.union([off, z.int().min(1).max(65_535)]).default(64),
  workers: z.int().min(1).max(64).default(1),
  connectionsPerWorker: z.int().min(16).max(65_535).default(4096),
  /** How long connections of the old configuration may go on after a reload. */
  drainMs: timeoutMs.default(305_000),
});

/** Edge options with every default filled in. */
export type EdgeOptions = z.output<typeof edgeOptionsSchema>;
/** What a person writes. */
export type EdgeOptionsInput = z.input<typeof edgeOptionsSchema>;

const address = z.string().refine(isAddress, 'must be HOST:PORT');

/** Where the edge listens and what stands behind it, all `host:port`. */
export const edgeAddressesSchema = z.strictObject({
  /** Plain HTTP; with TLS it redirects. May be left out then. */
  http: address.optional(),
  /** Needed with TLS. */
  https: address.optional(),
  /** A listener of its own for `/nginx_status` and `/healthz`; keep it on loopback. */
  status: address,
  upstreams: z.array(address).min(1).max(64),
});

/** Where the edge listens and what stands behind it. */
export type EdgeAddresses = z.output<typeof edgeAddressesSchema>;

/**
 * Parses with a schema of this file.
 * @throws SquallError `BAD_EDGE_OPTIONS` that names every offending key
 */
export function parseEdge<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw badEdge(describeIssues(parsed.error.issues));
}

/** The error for options that contradict each other or cannot be rendered. */
export function badEdge(message: string): SquallError {
  return new SquallError('option', 'BAD_EDGE_OPTIONS', message, { next: "Correct the edge's options." });
}

function isNetwork(text: string): boolean {
  const [host, bits, ...rest] = text.split('/');
  const version = isPlainIP(host!);
  if (version === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

function isAddress(text: string): boolean {
  const match = /^(?:\[([^\]]+)\]|([A-Za-z0-9.-]{1,253})):(\d{1,5})$/.exec(text);
  return match !== null && Number(match[3]) <= 65_535 && (match[1] === undefined || isPlainIP(match[1]) === 6);
}

/** 4, 6 or 0. Zone suffixes (`fe80::1%eth0`) may hold anything and are refused. */
function isPlainIP(text: string): number {
  return /^[0-9A-Fa-f.:]+$/.test(text) ? isIP(text) : 0;
}
