import { isUtf8 } from 'node:buffer';
import { hash } from 'node:crypto';
import { ApiError } from '../http/api-error.ts';
import type { Exchange } from '../http/exchange.ts';

/** Request header with which a client allows that a request which is not deterministic is reused; its only value is `allow`. */
export const REUSE_HEADER = 'x-squall-reuse';

/** Fields of a body that name its sender, and do not change the response. */
const SENDER_FIELDS = new Set(['user', 'metadata', 'safety_identifier', 'prompt_cache_key']);
/** Numbers that a double may not hold exactly, or that are written in more than one way. */
const INEXACT = /[\d.]{16}|\d[eE][-+\d]/;
const STRINGS = /"[^"\\]*(?:\\.[^"\\]*)*"/g;

type Identified = Pick<Exchange, 'route' | 'query' | 'body'> & {
  readonly version?: Exchange['version'];
  readonly request: { readonly headers: Exchange['request']['headers'] };
};

/**
 * Identity of a request whose response may be given to others who send the same: SHA-256 of what an upstream gets of it, in base64url.
 * Undefined unless the request is deterministic (embeddings, a `temperature` of 0, or a `seed`) or its {@link REUSE_HEADER} allows it.
 *
 * Bodies are the same whatever the order of their keys, their white space and escapes, and who their {@link SENDER_FIELDS} name. One with
 * numbers that JavaScript might round is compared as it is written. Streamed and unstreamed requests differ, and those of versions of a model.
 * @throws ApiError 400 for another value of the header
 */
export function requestIdentity({ request, route, query, body, version }: Identified): string | undefined {
  const { accept = '*/*', [REUSE_HEADER]: reuse } = request.headers;
  if (reuse !== undefined && reuse !== 'allow')
    throw new ApiError(400, 'invalid_value', `Expected the header ${REUSE_HEADER} to be "allow".`);
  if (!isUtf8(body)) return undefined;
  const text = body.toString('utf8');
  const fields = JSON.parse(text) as Record<string, unknown>;
  const isReusable = reuse === 'allow' || route === '/v1/embeddings' || isDeterministic(fields);
  const normal = isReusable ? normalised(text, fields) : undefined;
  return (
    normal &&
    hash(
      'sha256',
      JSON.stringify([route, query, accept, normal, ...(version === undefined ? [] : [version])]),
      'base64url',
    )
  );
}

function isDeterministic({ temperature, seed }: Record<string, unknown>): boolean {
  return temperature === 0 || typeof seed === 'number';
}

/** Undefined if it is nested too deeply, which only happens without `maxJsonDepth`. */
function normalised(text: string, fields: Record<string, unknown>): string | undefined {
  try {
    if (INEXACT.test(text) && INEXACT.test(text.replace(STRINGS, ''))) return text;
    return canonical(Object.fromEntries(Object.entries(fields).filter(([name]) => !SENDER_FIELDS.has(name))));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** JSON with sorted keys and without white space. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join(',')}}`;
}
