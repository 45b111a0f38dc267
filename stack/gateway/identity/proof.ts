import { base64url, calculateJwkThumbprint, decodeProtectedHeader, EmbeddedJWK, type JWK, jwtVerify } from 'jose';
import { ASYMMETRIC } from './keys/key-source.ts';
import { refusal } from './refusal.ts';

/** What a proof must match. */
export interface ProofExpectation {
  readonly method: string;
  /** Origins and path by which the client may have reached this URL, without a query: `https://llm.test/v1/models`. */
  readonly urls: readonly string[];
  /** SHA-256 of the access token that it comes with; absent at the token endpoint. */
  readonly tokenDigest?: Buffer;
  /** Thumbprint of the key that the token is bound to; absent at the token endpoint. */
  readonly thumbprint?: string;
  readonly now: Date;
  readonly maxAgeMs: number;
  readonly leewayMs: number;
}

/** A proof that holds. */
export interface Proof {
  /** Thumbprint (RFC 7638) of the client's key. */
  readonly thumbprint: string;
  /** Its unique id. */
  readonly id: string;
}

const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

/**
 * Checks a DPoP proof as RFC 9449, section 4.3, says, but for its replay: a JWT of type `dpop+jwt`, signed by the public key in its own header
 * with an asymmetric algorithm, for this method, URL and access token, made at most `maxAgeMs` ago. A `nonce` is not required.
 * @throws ApiError 401 `invalid_proof`
 */
export async function checkProof(text: string, expected: ProofExpectation): Promise<Proof> {
  const { now, maxAgeMs, leewayMs, tokenDigest, thumbprint } = expected;
  const invalid = (detail: string) => refusal('invalid_proof', detail);
  const { jwk, payload } = await verified(text, now).catch(() => {
    throw invalid('The DPoP proof is not a JWT of type dpop+jwt, signed by the public key in its header.');
  });
  const { htm, htu, iat, jti, ath } = payload as Readonly<Record<string, unknown>>;
  if (htm !== expected.method) throw invalid('The DPoP proof is for another method.');
  const url = typeof htu === 'string' ? comparable(htu) : undefined;
  if (url === undefined || !expected.urls.some(own => comparable(own) === url))
    throw invalid('The DPoP proof is for another URL.');
  if (typeof iat !== 'number') throw invalid('The DPoP proof has no time.');
  const ageMs = now.getTime() - iat * 1000;
  if (ageMs > maxAgeMs + leewayMs) throw invalid('The DPoP proof is too old.');
  // `iat` is in whole seconds, of a clock that may be ahead.
  if (ageMs < -leewayMs - 1000) throw invalid('The DPoP proof is from the future.');
  if (typeof jti !== 'string' || jti === '' || jti.length > 256) throw invalid('The DPoP proof has no id.');
  if (tokenDigest && ath !== base64url.encode(tokenDigest)) throw invalid('The DPoP proof is for another token.');
  const own = await calculateJwkThumbprint(jwk);
  if (thumbprint !== undefined && own !== thumbprint)
    throw invalid('The DPoP proof is by another key than that of the token.');
  return { thumbprint: own, id: jti };
}

async function verified(text: string, now: Date) {
  const { jwk } = decodeProtectedHeader(text);
  if (typeof jwk !== 'object' || PRIVATE_MEMBERS.some(member => Object.hasOwn(jwk, member))) throw new Error('No key');
  const options = { typ: 'dpop+jwt', algorithms: [...ASYMMETRIC], currentDate: now };
  const { payload } = await jwtVerify(text, EmbeddedJWK, options);
  return { jwk: jwk as JWK, payload };
}

/** Normalized URL without query and fragment, as section 4.3 compares them; undefined for none. */
function comparable(text: string): string | undefined {
  try {
    const { origin, pathname } = new URL(text);
    return origin + pathname;
  } catch {
    return undefined;
  }
}
