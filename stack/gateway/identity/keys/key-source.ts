import { type CryptoKey, exportJWK, type importPKCS8, type JWK } from 'jose';
import { SquallError } from '../../../../harness/errors.ts';

/** Algorithms with a private and a public key that tokens and proofs may be signed with. Neither `none` nor an HMAC is among them. */
export const ASYMMETRIC: readonly string[] = [
  ...['EdDSA', 'Ed25519', 'ES256', 'ES384', 'ES512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
];

/** Public part of a key that verifies tokens. */
export interface VerifyingKey {
  readonly kid: string;
  /** The only algorithm that it verifies, one of {@link ASYMMETRIC}. */
  readonly alg: string;
  readonly key: CryptoKey;
  /** As published, without private members. */
  readonly jwk: JWK;
}

/** Keys of a source at one moment. */
export interface LoadedKeys {
  readonly verifying: readonly VerifyingKey[];
  /** Key that signs, one of those above. */
  readonly kid: string;
  /** Compact JWS of a payload, in JSON. */
  sign(payload: string, typ: string): Promise<string>;
}

/** Where signing keys come from. */
export interface KeySource {
  /** How often to look for new ones, in ms; absent if they never change. */
  readonly refreshMs?: number;
  /** @throws SquallError `BAD_SIGNING_KEYS` that says what is wrong, and never shows a key */
  load(): Promise<LoadedKeys>;
}

/** Error of keys that cannot be used. @param from field of the configuration and source */
export function badKeys(from: string, problem: string, cause?: unknown): SquallError {
  const next = 'Provide a private key for Ed25519, ECDSA or RSA, such as that of `openssl genpkey -algorithm ed25519`.';
  return new SquallError('environment', 'BAD_SIGNING_KEYS', `${from} ${problem}`, { next, cause });
}

/** A key in PEM as a JWK, of the first type that it is one of; undefined for none. @param load `importPKCS8` or `importSPKI` */
export async function jwkOfPem(load: typeof importPKCS8, pem: string): Promise<JWK | undefined> {
  for (const alg of ['EdDSA', 'ES256', 'ES384', 'ES512', 'RS256']) {
    const key = await load(pem, alg, { extractable: true }).catch(() => undefined);
    const { kty, crv, n, e, x, y, d, p, q, dp, dq, qi } = key ? await exportJWK(key) : ({} as JWK);
    // Without what belongs to the import, such as its algorithm and uses.
    if (kty) return JSON.parse(JSON.stringify({ kty, crv, n, e, x, y, d, p, q, dp, dq, qi })) as JWK;
  }
  return undefined;
}

/** Algorithm of a key by its type; undefined for one that is not {@link ASYMMETRIC}. */
export function algorithmOf({ kty, crv, alg }: JWK): string | undefined {
  if (alg !== undefined) return ASYMMETRIC.includes(alg) ? alg : undefined;
  if (kty === 'RSA') return 'RS256';
  if (kty === 'OKP' && crv === 'Ed25519') return 'EdDSA';
  const curves: Readonly<Record<string, string>> = { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512' };
  return kty === 'EC' && crv !== undefined && Object.hasOwn(curves, crv) ? curves[crv] : undefined;
}
