import { base64url, type CryptoKey, importJWK, importSPKI, type JWK } from 'jose';
import { messageOf } from '../../../../harness/errors.ts';
import type { Machine } from '../../../../harness/host/network.ts';
import type { SigningKeysConfig } from '../config.ts';
import { algorithmOf, badKeys, jwkOfPem, type KeySource, type VerifyingKey } from './key-source.ts';

type VaultConfig = Extract<SigningKeysConfig, { from: 'vault' }>;

interface TransitKey {
  readonly type: string;
  readonly latest_version: number;
  readonly min_decryption_version?: number;
  /** Public key by version: PEM, or of Ed25519 its 32 bytes in Base64. */
  readonly keys: Readonly<Record<string, { readonly public_key?: string }>>;
}

/**
 * A key of the transit secrets engine of Vault, or what is compatible with it (OpenBao): it signs there and never leaves it, so that this
 * process holds no private key. Each version of it is a key of its own; `vault write -f transit/keys/NAME/rotate` rotates it.
 * API: `GET /v1/MOUNT/keys/NAME`, `POST /v1/MOUNT/sign/NAME`.
 * @param token of Vault, with the rights to read and sign
 */
export function vaultKeys(config: VaultConfig, token: string | undefined, { clock, network }: Machine): KeySource {
  const { url, mount, key: name, refreshMs, timeoutMs, tokenVariable } = config;
  const from = `\`identity.keys\`: Vault's key ${mount}/${name}`;
  const call = async (path: string, body?: unknown): Promise<unknown> => {
    if (!token) throw badKeys(from, `needs a token in the environment variable ${tokenVariable}, which is not set.`);
    try {
      const response = await network.fetch(`${url.replace(/\/$/, '')}/v1/${mount}/${path}`, {
        method: body === undefined ? 'GET' : 'POST',
        headers: { 'x-vault-token': token, 'content-type': 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        redirect: 'error',
        signal: clock.timeout(timeoutMs),
      });
      if (!response.ok) throw new Error(`status ${response.status}`);
      return ((await response.json()) as { readonly data?: unknown }).data;
    } catch (error) {
      throw badKeys(from, `cannot be used: ${messageOf(error)}.`, error);
    }
  };
  return {
    refreshMs,
    async load() {
      const found = (await call(`keys/${name}`)) as TransitKey | undefined;
      if (typeof found?.keys !== 'object' || found.keys === null) throw badKeys(from, 'is not a key of Vault in JSON.');
      const first = found.min_decryption_version ?? 1;
      const versions = Object.keys(found.keys).filter(version => Number(version) >= first);
      const kidOf = (version: number | string) => `${name}-v${version}`;
      const verifying = await Promise.all(
        versions.map(version => verifyingKey(kidOf(version), found.keys[version]?.public_key, from)),
      );
      const latest = verifying.find(({ kid }) => kid === kidOf(found.latest_version));
      if (!latest) throw badKeys(from, `has no public key for its latest version ${found.latest_version}.`);
      const { kid, alg } = latest;
      return {
        verifying,
        kid,
        async sign(payload, typ) {
          const input = `${base64url.encode(JSON.stringify({ alg, kid, typ }))}.${base64url.encode(payload)}`;
          const signed = (await call(`sign/${name}`, {
            input: Buffer.from(input).toString('base64'),
            key_version: found.latest_version,
            marshaling_algorithm: 'jws',
            ...(alg !== 'EdDSA' && { hash_algorithm: `sha2-${alg.slice(2)}` }),
            ...(alg.startsWith('RS') && { signature_algorithm: 'pkcs1v15' }),
          })) as { readonly signature?: string };
          const signature = /^vault:v\d+:([\w+/=-]+)$/.exec(signed?.signature ?? '')?.[1];
          if (signature === undefined) throw badKeys(from, 'was used to sign, but the response has no signature.');
          return `${input}.${Buffer.from(signature, 'base64').toString('base64url')}`;
        },
      };
    },
  };
}

async function verifyingKey(kid: string, text: string | undefined, from: string): Promise<VerifyingKey> {
  if (!text) throw badKeys(from, `is symmetric, but expected one of type ed25519, ecdsa-p256, ecdsa-p384 or rsa-….`);
  try {
    const open: JWK | undefined = text.includes('BEGIN')
      ? await jwkOfPem(importSPKI, text)
      : { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(text, 'base64').toString('base64url') };
    const alg = open && algorithmOf(open);
    if (open === undefined || alg === undefined) throw new Error('its type signs no tokens');
    return { kid, alg, key: (await importJWK(open, alg)) as CryptoKey, jwk: { ...open, kid, alg, use: 'sig' } };
  } catch (error) {
    throw badKeys(from, `cannot be used: ${messageOf(error)}.`);
  }
}
