import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { ApiError } from './api-error.ts';
import type { Exchange } from './exchange.ts';

const origin = z.string().refine(text => URL.parse(text)?.origin === text, {
  message: 'must be an origin as browsers send it, such as https://chat.example',
});

/**
 * Pages whose scripts may send requests and read the responses (CORS, Fetch Standard, 3.3): those of `origins`, or with `*` of any site.
 * Browsers remember the response to a preflight for `maxAgeMs`. Cookies are never allowed, since a request carries its key.
 */
export const corsSchema = z.strictObject({
  origins: z.union([z.literal('*'), z.array(origin).min(1)]),
  maxAgeMs: z.number().min(0).max(86_400_000).default(600_000),
});

/** A validated policy with every default filled in. */
export type CorsConfig = z.output<typeof corsSchema>;

/** Names of header fields, separated by commas. */
const FIELD_NAMES = /^[\w!#$%&'*+.^`|~-]+(?: *, *[\w!#$%&'*+.^`|~-]+)*$/;

/** What the gateway tells browsers about requests from pages of other sites. */
export class Cors {
  readonly #origins: ReadonlySet<string> | '*';
  readonly #maxAgeS: string;

  constructor({ origins, maxAgeMs }: CorsConfig) {
    this.#origins = origins === '*' ? '*' : new Set(origins);
    this.#maxAgeS = String(Math.round(maxAgeMs / 1000));
  }

  /** Headers of every response to `request`: alternating names and values. Pages of an origin that is not allowed cannot read it. */
  headers({ headers: { origin } }: IncomingMessage): string[] {
    if (this.#origins === '*') return readableBy('*');
    return ['vary', 'Origin', ...(origin !== undefined && this.#origins.has(origin) ? readableBy(origin) : [])];
  }

  /** Responds to a preflight, which has no key. @throws ApiError 403 for an origin that is not allowed, 400 for header names that are none */
  respondToPreflight(exchange: Exchange): void {
    const { origin = '', 'access-control-request-headers': names } = exchange.request.headers;
    if (this.#origins !== '*' && !this.#origins.has(origin)) {
      throw new ApiError(403, 'origin_not_allowed', `Pages of ${origin} may not use this API.`);
    }
    if (names !== undefined && !FIELD_NAMES.test(names)) {
      throw new ApiError(400, 'bad_preflight', 'Expected access-control-request-headers to be names of header fields.');
    }
    const allowed = [
      'access-control-allow-methods',
      'GET, HEAD, POST, DELETE',
      'access-control-max-age',
      this.#maxAgeS,
    ];
    if (names !== undefined) allowed.push('access-control-allow-headers', names);
    exchange.response.writeHead(204, [...allowed, ...exchange.headers()]).end();
  }
}

/** Whether a browser asks with `request` if a page may send another. */
export function isPreflight({ method, headers }: IncomingMessage): boolean {
  return method === 'OPTIONS' && headers.origin !== undefined && 'access-control-request-method' in headers;
}

function readableBy(origin: string): string[] {
  return ['access-control-allow-origin', origin, 'access-control-expose-headers', '*'];
}
