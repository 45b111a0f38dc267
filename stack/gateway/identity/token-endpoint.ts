import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import { messageOf } from '../../../harness/errors.ts';
import { ApiError, sendJson } from '../http/api-error.ts';
import type { Exchange, Stage } from '../http/exchange.ts';
import { type BodyContext, readBody } from '../http/request-body.ts';
import type { Client } from './clients.ts';
import type { Identity } from './identity.ts';

/** Longest body of a request for a token, in bytes. */
const MAX_BODY_BYTES = 8192;
/** Revocations from which on clients can add no further ones, and of its own each client, so that none takes that away from the others. Operators can. */
const MAX_REVOKED = 10_000;
const MAX_OF_CLIENT = 1000;

const NOT_STORED = ['cache-control', 'no-store', 'pragma', 'no-cache'];

/** Error codes of RFC 6749, section 5.2, RFC 7009 and RFC 9449. */
type OAuthErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_scope'
  | 'unsupported_grant_type'
  | 'invalid_dpop_proof'
  | 'temporarily_unavailable';

class OAuthError extends Error {
  readonly code: OAuthErrorCode;
  readonly status: number;
  readonly headers: readonly string[];

  constructor(code: OAuthErrorCode, message: string, status = 400, headers: readonly string[] = []) {
    super(message);
    this.code = code;
    this.status = status;
    this.headers = headers;
  }
}

/** What the endpoints need beside identity. */
export interface EndpointContext {
  readonly identity: Identity;
  readonly bodyContext: BodyContext;
  readonly addressOf: (request: IncomingMessage) => string | undefined;
  readonly log: Logger;
  /** Rate limits, to which requests for tokens count as all others of their client do. */
  readonly limits: readonly Stage[];
}

/**
 * `POST /oauth/token`: a token for a client's credentials (RFC 6749, section 4.4), of which the secret is its API key, by HTTP Basic or in the form. With
 * a DPoP proof the token is bound to the proof's key. There is no refresh token: ask again.
 */
export function tokenStage(context: EndpointContext): Stage {
  const { identity } = context;
  return endpoint(context, async (exchange, form) => {
    const client = await authenticated(context, exchange, form);
    const grant = form.get('grant_type');
    if (grant === null) throw new OAuthError('invalid_request', 'Expected `grant_type`.');
    if (grant !== 'client_credentials')
      throw new OAuthError('unsupported_grant_type', 'The only grant is client_credentials.');
    if ((form.get('scope') ?? '') !== '') throw new OAuthError('invalid_scope', 'There are no scopes.');
    const proof = exchange.request.headers.dpop;
    if (proof === undefined && client.bearer === 'off')
      throw new OAuthError('invalid_dpop_proof', 'Expected a proof in the header DPoP, see RFC 9449.');
    const bound = proof === undefined ? undefined : await identity.checkProof(exchange.request, String(proof));
    const token = await identity.tokens.issue(client.id, bound?.thumbprint).catch(error => {
      context.log.warn({ reason: messageOf(error) }, 'no token signed');
      throw unavailable('Tokens cannot be signed at the moment.');
    });
    identity.metrics.issued.labels(bound ? 'dpop' : 'bearer').inc();
    return {
      access_token: token,
      token_type: bound ? 'DPoP' : 'Bearer',
      expires_in: Math.ceil(identity.config.tokenLifeMs / 1000),
    };
  });
}

/** `POST /oauth/revoke`: a client revokes a token of its own (RFC 7009). A token that is none, or has expired, needs no revocation: 200. */
export function revokeStage(context: EndpointContext): Stage {
  const { identity } = context;
  return endpoint(context, async (exchange, form) => {
    const client = await authenticated(context, exchange, form);
    const text = form.get('token');
    if (!text) throw new OAuthError('invalid_request', 'Expected `token`.');
    const isShort = text.length <= identity.config.maxCredentialBytes;
    const token = isShort ? await identity.tokens.verify(text).catch(() => undefined) : undefined;
    if (token?.client !== client.id) return undefined;
    const { revocations } = identity;
    // Every gateway keeps all of them in memory, and a client can get as many tokens as it likes.
    const isFull = revocations.size >= MAX_REVOKED || revocations.countOf(client.id) >= MAX_OF_CLIENT;
    if (isFull && !revocations.has(`token:${token.id}`))
      throw unavailable('Too many tokens are revoked: let them expire, or have the key revoked.');
    if (!(await identity.revoke('token', token.id)))
      throw unavailable('The token is revoked here, and elsewhere as soon as the shared store is back.');
    return undefined;
  });
}

function unavailable(message: string, headers: readonly string[] = ['retry-after', '1'], status = 503): OAuthError {
  return new OAuthError('temporarily_unavailable', message, status, headers);
}

/** An endpoint of OAuth: a form in, JSON out, or nothing, and errors as in RFC 6749, section 5.2. */
function endpoint(
  { bodyContext, identity }: EndpointContext,
  respond: (exchange: Exchange, form: URLSearchParams) => Promise<object | undefined>,
): Stage {
  return async exchange => {
    const { response } = exchange;
    try {
      const form = await formOf(exchange.request, bodyContext);
      const result = await respond(exchange, form);
      const headers = [...exchange.headers(), ...NOT_STORED];
      if (result) sendJson(response, 200, JSON.stringify(result), headers);
      else response.writeHead(200, [...headers, 'content-length', '0']).end();
    } catch (error) {
      const known = oauthError(error);
      if (!known) throw error;
      exchange.outcome = 'rejected';
      exchange.reason = known.code;
      identity.metrics.denied.labels(known.code).inc();
      const body = JSON.stringify({ error: known.code, error_description: known.message });
      sendJson(response, known.status, body, [...exchange.headers(), ...NOT_STORED, ...known.headers]);
    }
  };
}

/** Errors of other stages, such as that of a body that is too large, in the form of this endpoint. */
function oauthError(error: unknown): OAuthError | undefined {
  if (error instanceof OAuthError) return error;
  if (!(error instanceof ApiError)) return undefined;
  const { code, message, status, headers } = error;
  if (status === 503 || status === 429) return unavailable(message, headers, status);
  if (code === 'invalid_proof' || code === 'proof_replayed') return new OAuthError('invalid_dpop_proof', message);
  if (code === 'credentials_too_long') return new OAuthError('invalid_request', message);
  if (status === 401 || status === 403) return invalidClient(message);
  return new OAuthError('invalid_request', message, status, headers);
}

async function formOf(request: IncomingMessage, context: BodyContext): Promise<URLSearchParams> {
  const body = await readBody(request, { ...context, maxBytes: Math.min(context.maxBytes, MAX_BODY_BYTES) });
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/x-www-form-urlencoded *(;|$)/i.test(type))
    throw new OAuthError('invalid_request', 'Expected a body of type application/x-www-form-urlencoded.');
  const form = new URLSearchParams(body.toString('utf8'));
  const names = [...form.keys()];
  if (new Set(names).size !== names.length) throw new OAuthError('invalid_request', 'A parameter is given twice.');
  return form;
}

/** Client whose credentials the request has. @throws OAuthError, ApiError */
async function authenticated(
  { identity, addressOf, limits }: EndpointContext,
  exchange: Exchange,
  form: URLSearchParams,
): Promise<Client> {
  const { authorization } = exchange.request.headers;
  const inForm = form.get('client_secret');
  if (authorization !== undefined && inForm !== null)
    throw new OAuthError('invalid_request', 'Expected the client secret once: by HTTP Basic, or in the form.');
  const [id, secret] = authorization === undefined ? [form.get('client_id'), inForm] : basic(authorization);
  if (!secret) throw invalidClient('Expected the API key as the client secret, by HTTP Basic or in the form.');
  if (secret.length > identity.config.maxCredentialBytes) throw invalidClient('The client secret is too long.');
  const client = identity.clients.withKey(secret);
  // A client that does not know its id may leave it out: the key alone says who it is.
  if (!client || ((id ?? '') !== '' && id !== client.id)) throw invalidClient('The client or its secret is unknown.');
  identity.requireKept(client);
  identity.requireAddress(client, addressOf(exchange.request));
  exchange.caller = client.keyHash;
  for (const limit of limits) await limit(exchange);
  return client;
}

/** Id and secret of HTTP Basic, each form-encoded (RFC 6749, section 2.3.1). */
function basic(authorization: string): readonly [string, string] {
  const encoded = /^Basic +([\w+/=-]+)$/i.exec(authorization)?.[1];
  const [, id, secret] = /^([^:]*):([\s\S]*)$/.exec(Buffer.from(encoded ?? '', 'base64').toString('utf8')) ?? [];
  try {
    if (id !== undefined && secret !== undefined) return [decoded(id), decoded(secret)];
  } catch {}
  throw invalidClient('Expected Authorization: Basic with id and secret.');
}

function decoded(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '));
}

function invalidClient(message: string): OAuthError {
  return new OAuthError('invalid_client', message, 401, ['www-authenticate', 'Basic realm="squall"']);
}
