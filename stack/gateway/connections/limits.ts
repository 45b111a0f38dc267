import { isIP } from 'node:net';
import { z } from 'zod';

const off = z.literal('off');
const durationMs = z.number().positive().max(86_400_000);
const count = z
  .int()
  .min(1)
  .max(2 ** 31 - 1);
const deadline = (byDefaultMs: number) => z.union([off, durationMs]).default(byDefaultMs);
const most = (byDefault: number) => z.union([off, count]).default(byDefault);

/** `10.0.0.0/8`, `fd00::/8`, or one address. */
const network = z.string().refine(
  text => {
    const [address = '', prefix] = text.split('/');
    const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address) as 0 | 4 | 6];
    return bits > 0 && (prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits));
  },
  { message: 'must be an IP address or a network such as 10.0.0.0/8' },
);

/** Addresses behind which many clients may stand, or none from outside: loopback, link-local, private (RFC 6890). */
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
 * What a client may do to a connection before it is cut off: the defence against slow and hoarding clients, which an edge
 * in front may have too, but need not. Each limit can be `off` by itself.
 *
 * ```
 *  accept ──headersMs──► request line, headers ──bodyMs──► body ──► answer ──keepAliveMs──► next request
 *    │                        │                    │                  └ its bytes not taken for sendMs
 *    │                        │                    └ after bodyGraceMs slower than minBodyBytesPerSecond
 *    │                        └ maxHeaderBytes, maxHeaders, maxPipelined
 *    └ maxConnections, maxPerAddress
 * ```
 *
 * The minimum rate is the one of Apache's mod_reqtimeout: the body's deadline starts at `bodyGraceMs` and every byte moves it
 * on, so a slow line that is steady enough is never cut before `bodyMs`.
 *
 * `maxPerAddress` counts the connections of one IPv4 address or one IPv6 /64, which is what one customer gets. `exempt`
 * addresses are not counted: a proxy or a load balancer has all its clients' connections on one address, and it is near.
 * The address is the socket's. Only where `trustedProxies` name it, the rightmost address in the header
 * `clientAddressHeader` that is none of them is the client's, and then the requests under way are what is counted.
 *
 * Over a cap, the default is to say so (503, or 429 for an address, with Retry-After) since a client can act on that; `close`
 * costs less. Not implemented: a minimum rate for reading clients, since a kernel hides the progress of small reads.
 */
const limitsSchema = z.strictObject({
  headersMs: deadline(10_000),
  bodyMs: deadline(120_000),
  bodyGraceMs: durationMs.default(5000),
  minBodyBytesPerSecond: most(500),
  sendMs: deadline(30_000),
  /** Longer than the 60 s of nginx's upstream pool, so that the proxy closes first and never writes into a closing connection. */
  keepAliveMs: deadline(75_000),
  maxConnections: most(16_384),
  maxPerAddress: most(256),
  exempt: z.array(network).default(NOT_PUBLIC),
  trustedProxies: z.array(network).default([]),
  clientAddressHeader: z.string().toLowerCase().default('x-forwarded-for'),
  whenFull: z.enum(['answer', 'close']).default('answer'),
  retryAfterSeconds: z.int().min(0).max(86_400).default(1),
  maxHeaders: most(100),
  maxHeaderBytes: most(16_384),
  maxPipelined: most(8),
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

/** The limits of {@link limitsSchema}, or `off` for every one of them. */
export const connectionLimitsSchema = z.union([off.transform(() => NO_LIMITS), limitsSchema]);

/** Validated limits; what is `off` stays so, for they are passed on as JSON. */
export type ConnectionLimits = z.output<typeof connectionLimitsSchema>;

/** The number of a limit; `off` is infinite. */
export function bound(limit: number | 'off'): number {
  return limit === 'off' ? Number.POSITIVE_INFINITY : limit;
}

/**
 * How often connections are looked at: an eighth of the shortest deadline that is found by looking, 25 ms to 1 s. Whoever is
 * evicted is so at most two of these after the deadline.
 */
export function checkIntervalMs({ headersMs, sendMs, keepAliveMs }: ConnectionLimits): number {
  const shortestMs = Math.min(bound(headersMs), bound(sendMs), bound(keepAliveMs));
  return Math.ceil(Math.min(1000, Math.max(25, shortestMs / 8)));
}
