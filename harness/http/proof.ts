import { createPrivateKey, createPublicKey, hash, sign } from 'node:crypto';
import type { SecretBytes } from '../host/secrets.ts';

/** What precedes the 32 bytes of an Ed25519 key in PKCS #8 (RFC 8410). */
const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** What a proof says. */
export interface ProofClaims {
  readonly method: string;
  /** URL of the request; its query does not count. */
  readonly url: string;
  /** Never used before with this key. */
  readonly id: string;
  readonly now: Date;
  /** Access token that it comes with; absent at the token endpoint. */
  readonly token?: string | undefined;
}

/** New Ed25519 private key: PKCS #8 in PEM. */
export function newProofKey(secret: SecretBytes): string {
  const base64 = Buffer.concat([PKCS8_ED25519, secret(32)]).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${base64}\n-----END PRIVATE KEY-----\n`;
}

/**
 * Makes DPoP proofs (RFC 9449, section 4.2) with an Ed25519 key. Signing takes about 0.05 ms and is done in place, not on another thread, so that a
 * request is sent at its instant.
 * @param pem see {@link newProofKey}
 */
export function proofMaker(pem: string): (claims: ProofClaims) => string {
  const key = createPrivateKey(pem);
  const { kty, crv, x } = createPublicKey(key).export({ format: 'jwk' });
  const header = encoded({ alg: 'EdDSA', typ: 'dpop+jwt', jwk: { kty, crv, x } });
  return ({ method, url, id, now, token }) => {
    const [htu = ''] = url.split(/[?#]/);
    const iat = Math.floor(now.getTime() / 1000);
    const ath = token === undefined ? {} : { ath: hash('sha256', token, 'base64url') };
    const text = `${header}.${encoded({ htm: method, htu, iat, jti: id, ...ath })}`;
    return `${text}.${sign(null, Buffer.from(text), key).toString('base64url')}`;
  };
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
