import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { SquallError } from '../harness/errors.ts';
import type { SecretBytes } from '../harness/host/secrets.ts';

/**
 * Environment variable with the token of a run. Services require it for whatever changes them, such as a registration or a number of
 * replicas. It is passed to those that change others, in the environment only, since arguments and configurations are visible and logged.
 */
export const TOKEN_VARIABLE = 'STACK_TOKEN';

/** New random token: 43 characters that need no quoting anywhere. */
export function newToken(secret: SecretBytes): string {
  return secret(32).toString('base64url');
}

/**
 * Token of another listener of a service, such as `admin`, derived from that of the run: a gateway knows it without knowing the token that changes
 * all other services.
 */
export function listenerToken(token: string, listener: string): string {
  return createHmac('sha256', token).update(listener).digest('base64url');
}

/**
 * Token of a service that does not run without one.
 * @param variable where it is from
 * @throws SquallError `BAD_` + variable for fewer than 16 characters, which could be guessed, or any that a header cannot hold
 */
export function requireToken(text: string | undefined, variable = TOKEN_VARIABLE): string {
  if (/^[\x21-\x7e]{16,512}$/.test(text ?? '')) return text!;
  const found = text ? `one of ${text.length}` : 'none';
  const message = `Expected \`${variable}\` to be 16 to 512 printable ASCII characters without spaces, got ${found}`;
  throw new SquallError('option', `BAD_${variable}`, message, {
    next: 'Set it to a random text, such as that of `openssl rand -hex 32`.',
  });
}

/** Headers of a request with `token`; none without one. */
export function tokenHeaders(token: string | undefined): Readonly<Record<string, string>> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

/**
 * Whether a request has `token`, as `Authorization: Bearer` or in `X-Consul-Token`, as clients of Consul send it; compared in constant time.
 * The returned function explains what is missing; it returns undefined for the token.
 * @param token undefined or empty: no request has it
 */
export function tokenCheck(token: string | undefined): (request: IncomingMessage) => string | undefined {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const expected = digest(token ?? '');
  return ({ headers }) => {
    const consul = headers['x-consul-token'];
    const given = typeof consul === 'string' ? consul : /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
    if (token && given !== undefined && timingSafeEqual(digest(given), expected)) return undefined;
    return `expected the token of this run as Authorization: Bearer or X-Consul-Token, got ${given ? 'another' : 'none'}`;
  };
}
