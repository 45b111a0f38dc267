import { z } from 'zod';
import { networkSchema } from '../../service-config.ts';

const off = z.literal('off');
const durationMs = z.number().positive().max(86_400_000);
const count = z
  .int()
  .min(1)
  .max(2 ** 31 - 1);
const deadline = (defaultMs: number) => z.union([off, durationMs]).default(defaultMs);
const maximum = (defaultCount: number) => z.union([off, count]).default(defaultCount);

/** Non-public networks, where one address may be a proxy for many clients: loopback, link-local, private (RFC 6890). */
const NOT_PUBLIC = [
  '127.0.0.0/8',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16',
  '::1',
  'fc00::/7',
  'fe80::/10',
];

/**
 * Limits on client connections: protection against slow clients and connection hoarding, whether or not an edge proxy adds its
 * own. Each limit can be set to `off`.
 *
 * ```
 *  accept ──headersMs──► request line, headers ──bodyMs──► body ──► response ──keepAliveMs──► next request
 *    │                        │                    │                  └ not read for sendMs
 *    │                        │                    └ after bodyGraceMs slower than minBodyBytesPerSecond
 *    │                        └ maxHeaderBytes, maxHeaders, maxPipelined
 *    └ maxConnections, maxPerAddress
 * ```
 *
 * The minimum rate works as in Apache's mod_reqtimeout: the body's deadline starts at `bodyGraceMs` and every byte extends it,
 * so a slow but steady client is never cut off before `bodyMs`.
 *
 * `maxPerAddress` counts the connections of one IPv4 address or one IPv6 /64, the usual size of a customer's network. `exempt`
 * addresses are not counted, since a nearby proxy or load balancer carries many clients on one address. The address is the
 * socket's. If that is one of `trustedProxies`, the client is the rightmost address in the header `clientAddressHeader` that is
 * not a trusted proxy, and its requests in flight are counted instead.
 *
 * When a connection limit is reached, `whenFull: respond` sends 503 (429 for `maxPerAddress`) with Retry-After, which a client can
 * act on; `close` costs less. Not implemented: a minimum read rate, since the kernel hides the progress of small reads.
 */
const limitsSchema = z.strictObject({
  headersMs: deadline(10_000),
  bodyMs: deadline(120_000),
  bodyGraceMs: durationMs.default(5000),
  minBodyBytesPerSecond: maximum(500),
  sendMs: deadline(30_000),
  /** Longer than the 60 s of nginx's upstream pool, so that nginx closes first and never writes to a closing connection. */
  keepAliveMs: deadline(75_000),
  maxConnections: maximum(16_384),
  maxPerAddress: maximum(256),
  exempt: z.array(networkSchema).default(NOT_PUBLIC),
  trustedProxies: z.array(networkSchema).default([]),
  clientAddressHeader: z.string().toLowerCase().default('x-forwarded-for'),
  whenFull: z.enum(['respond', 'close']).default('respond'),
  retryAfterSeconds: z.int().min(0).max(86_400).default(1),
  maxHeaders: maximum(100),
  maxHeaderBytes: maximum(16_384),
  maxPipelined: maximum(8),
});

const NO_LIMITS = limitsSchema.parse({
  headersMs: 'off',
  bodyMs: 'off',
  minBodyBytesPerSecond: 'off',
  sendMs: 'off',
  keepAliveMs: 'off',
  maxConnections: 'off',
  maxPerAddress: 'off',
  maxHeaders: 'off',
  maxHeaderBytes: 'off',
  maxPipelined: 'off',
});

/** Limits as in {@link limitsSchema}, or `off` to disable them all. */
export const connectionLimitsSchema = z.union([off.transform(() => NO_LIMITS), limitsSchema]);

/** Validated limits. `off` is kept, so that the limits survive a round trip through JSON. */
export type ConnectionLimits = z.output<typeof connectionLimitsSchema>;

/** Numeric value of a limit; `off` is infinite. */
export function bound(limit: number | 'off'): number {
  return limit === 'off' ? Number.POSITIVE_INFINITY : limit;
}

/**
 * Interval between checks of the connections: an eighth of the shortest polled deadline, 25 ms to 1 s. A connection is closed at
 * most two intervals after its deadline.
 */
export function checkIntervalMs({ headersMs, sendMs, keepAliveMs }: ConnectionLimits): number {
  const shortestMs = Math.min(bound(headersMs), bound(sendMs), bound(keepAliveMs));
  return Math.ceil(Math.min(1000, Math.max(25, shortestMs / 8)));
}
