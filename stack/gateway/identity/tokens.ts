import { hash } from 'node:crypto';
import { errors, jwtVerify } from 'jose';
import type { Clock } from '../../../harness/clock.ts';
import type { IdentityConfig } from './config.ts';
import type { KeyRing } from './keys/key-ring.ts';
import type { VerifyingKey } from './keys/key-source.ts';
import { refusal } from './refusal.ts';

/** Type of an access token (RFC 9068), so that no other JWT passes as one. */
const TYPE = 'at+jwt';
/** Verified tokens that are remembered, the latest ones: each saves a signature check. */
const MAX_REMEMBERED = 10_000;

/** An access token whose signature holds. */
export interface AccessToken {
  readonly id: string;
  /** Client that it was issued to. */
  readonly client: string;
  /** Key that signed it. */
  readonly key: VerifyingKey;
  /** Both in ms since the epoch. */
  readonly notBeforeMs: number;
  readonly expiresMs: number;
  /** Thumbprint of the key that its holder must prove to have; undefined for a bearer. */
  readonly thumbprint: string | undefined;
  /** SHA-256 of the text. */
  readonly digest: Buffer;
}

interface TokensOptions {
  readonly config: IdentityConfig;
  readonly ring: KeyRing;
  readonly clock: Pick<Clock, 'date'>;
  readonly newId: () => string;
  readonly settle: <T>(run: () => Promise<T>) => Promise<T>;
}

/** Issues and verifies access tokens: signed JWTs (RFC 9068), which every gateway with the same keys verifies by itself. */
export class Tokens {
  readonly #options: TokensOptions;
  readonly #remembered = new Map<string, AccessToken>();

  constructor(options: TokensOptions) {
    this.#options = options;
  }

  /** A new token. @param thumbprint of the key that it is bound to */
  issue(client: string, thumbprint: string | undefined): Promise<string> {
    const { config, ring, clock, newId } = this.#options;
    const nowSeconds = Math.floor(clock.date().getTime() / 1000);
    const payload = {
      iss: config.issuer,
      aud: config.audience,
      sub: client,
      client_id: client,
      iat: nowSeconds,
      nbf: nowSeconds,
      exp: nowSeconds + Math.ceil(config.tokenLifeMs / 1000),
      // By which the revocations of a client can be counted.
      jti: `${newId()}.${client}`,
      ...(thumbprint !== undefined && { cnf: { jkt: thumbprint } }),
    };
    return ring.sign(JSON.stringify(payload), TYPE);
  }

  /**
   * Token that is valid now, by its signature, issuer, audience and times; not whether it is revoked.
   * @throws ApiError 401
   */
  async verify(text: string): Promise<AccessToken> {
    const { ring, config, clock } = this.#options;
    const digest = hash('sha256', text, 'buffer');
    const name = digest.toString('base64');
    let token = this.#remembered.get(name);
    if (!token || ring.get(token.key.kid) !== token.key) {
      token = await this.#check(text, digest);
      if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.delete(this.#remembered.keys().next().value!);
      this.#remembered.set(name, token);
    }
    const nowMs = clock.date().getTime();
    if (nowMs >= token.expiresMs) throw refusal('token_expired', 'The access token has expired.');
    if (nowMs < token.notBeforeMs - config.leewayMs)
      throw refusal('token_not_yet_valid', 'The access token is not valid yet.');
    return token;
  }

  async #check(text: string, digest: Buffer): Promise<AccessToken> {
    const { config, ring, clock, settle } = this.#options;
    const options = {
      ...{ typ: TYPE, issuer: config.issuer, audience: config.audience },
      requiredClaims: ['sub', 'jti', 'exp', 'nbf'],
      ...{ currentDate: clock.date(), clockTolerance: config.leewayMs / 1000 },
    };
    try {
      const key = await ring.find(kidOf(text));
      if (!key) throw refusal('unknown_signing_key', 'The access token is by an unknown key.');
      // A key verifies its own algorithm only, so that no public key ever serves as a secret.
      const { payload } = await settle(() => jwtVerify(text, key.key, { ...options, algorithms: [key.alg] }));
      const { sub, jti, exp, nbf, cnf } = payload as Readonly<Record<string, unknown>>;
      const bound = cnf === undefined ? undefined : (cnf as { readonly jkt?: unknown } | null)?.jkt;
      // A confirmation that is not understood must not make a bearer of the token.
      if (typeof sub !== 'string' || typeof jti !== 'string' || (cnf !== undefined && typeof bound !== 'string'))
        throw new Error('Not a token of a gateway');
      return {
        ...{ id: jti, client: sub, key, digest, thumbprint: bound as string | undefined },
        ...{ notBeforeMs: Number(nbf) * 1000, expiresMs: Number(exp) * 1000 },
      };
    } catch (error) {
      throw refusalOf(error);
    }
  }
}

function kidOf(text: string): string {
  const header: unknown = JSON.parse(Buffer.from(text.split('.')[0]!, 'base64url').toString('utf8'));
  const { kid } = header as { readonly kid?: unknown };
  if (typeof kid !== 'string' || kid.length > 256)
    throw refusal('unknown_signing_key', 'The access token names no key.');
  return kid;
}

function refusalOf(error: unknown): Error {
  if (error instanceof Error && error.name === 'ApiError') return error;
  if (error instanceof errors.JWTExpired) return refusal('token_expired', 'The access token has expired.');
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'nbf') return refusal('token_not_yet_valid', 'The access token is not valid yet.');
    if (error.claim === 'aud' || error.claim === 'iss')
      return refusal('invalid_token', 'The access token is for another service.');
  }
  return refusal('invalid_token', 'The access token is malformed or not signed by its key.');
}
