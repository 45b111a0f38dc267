import { readFile } from 'node:fs/promises';
import { CompactSign, type CryptoKey, calculateJwkThumbprint, importJWK, importPKCS8, type JWK } from 'jose';
import { messageOf } from '../../../../harness/errors.ts';
import { algorithmOf, badKeys, jwkOfPem, type KeySource, type LoadedKeys, type VerifyingKey } from './key-source.ts';

const MAX_KEYS = 32;
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

/** Keys in a file, which is read again every `refreshMs`: replace it to rotate them. */
export function fileKeys(path: string, refreshMs: number): KeySource {
  const from = `\`identity.keys.path\`: the file ${path}`;
  return {
    refreshMs,
    async load() {
      const text = await readFile(path, 'utf8').catch(error => {
        throw badKeys(from, `with the signing keys cannot be read: ${messageOf(error)}.`, error);
      });
      return parseKeys(text, from);
    },
  };
}

/** Keys in an environment variable. @param value of the variable */
export function environmentKeys(variable: string, value: string | undefined): KeySource {
  const from = `\`identity.keys.variable\`: the environment variable ${variable}`;
  return {
    load: async () => {
      if (!value) throw badKeys(from, 'is expected to hold the signing keys, but is not set.');
      return parseKeys(value, from);
    },
  };
}

/**
 * Keys in a text: a JWK, a JWK set, or PEM (PKCS #8) blocks. The first private key signs. A key without a `kid` gets its thumbprint (RFC 7638).
 * @throws SquallError `BAD_SIGNING_KEYS`
 */
export async function parseKeys(text: string, from: string): Promise<LoadedKeys> {
  const jwks = text.trimStart().startsWith('{') ? jsonKeys(text, from) : await pemKeys(text, from);
  if (jwks.length === 0) throw badKeys(from, 'holds no key.');
  if (jwks.length > MAX_KEYS) throw badKeys(from, `holds ${jwks.length} keys, more than ${MAX_KEYS}.`);
  const keys = await Promise.all(jwks.map((jwk, index) => importKey(jwk, `${from}: key ${index + 1}`)));
  const kids = keys.map(({ verifying }) => verifying.kid);
  const twice = kids.find((kid, index) => kids.indexOf(kid) !== index);
  if (twice !== undefined) throw badKeys(from, `holds two keys with the \`kid\` ${JSON.stringify(twice)}.`);
  const signing = keys.find(key => key.signing);
  if (!signing?.signing) throw badKeys(from, 'holds no private key, so that nothing can be signed.');
  const { kid, alg } = signing.verifying;
  const key = signing.signing;
  return {
    verifying: keys.map(({ verifying }) => verifying),
    kid,
    sign: (payload, typ) =>
      new CompactSign(new TextEncoder().encode(payload)).setProtectedHeader({ alg, kid, typ }).sign(key),
  };
}

async function importKey(
  jwk: JWK,
  from: string,
): Promise<{ readonly verifying: VerifyingKey; readonly signing: CryptoKey | undefined }> {
  const alg = algorithmOf(jwk);
  if (alg === undefined)
    throw badKeys(from, `is none for Ed25519, ECDSA or RSA, but of type ${JSON.stringify(jwk.kty)}.`);
  try {
    const open = Object.fromEntries(Object.entries(jwk).filter(([name]) => !PRIVATE_MEMBERS.includes(name))) as JWK;
    const kid = jwk.kid ?? (await calculateJwkThumbprint(open));
    const published: JWK = { ...open, kid, alg, use: 'sig' };
    delete published.key_ops;
    const key = await cryptoKey(published, alg);
    const { modulusLength = 2048 } = key.algorithm as { readonly modulusLength?: number };
    if (modulusLength < 2048) throw new Error(`it has ${modulusLength} bits, fewer than 2048`);
    const { key_ops: _operations, ...own } = jwk;
    const signing = jwk.d === undefined ? undefined : await cryptoKey(own, alg);
    return { verifying: { kid, alg, key, jwk: published }, signing };
  } catch (error) {
    throw badKeys(from, `cannot be used: ${messageOf(error)}.`);
  }
}

async function cryptoKey(jwk: JWK, alg: string): Promise<CryptoKey> {
  return (await importJWK(jwk, alg)) as CryptoKey;
}

function jsonKeys(text: string, from: string): JWK[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message would quote the text.
    throw badKeys(from, 'is neither JSON nor PEM.');
  }
  const keys = (value as { readonly keys?: unknown }).keys ?? [value];
  const isKey = (key: unknown) => typeof key === 'object' && key !== null && 'kty' in key;
  if (!Array.isArray(keys) || !keys.every(isKey)) throw badKeys(from, 'holds neither a JWK nor a set of them.');
  return keys as JWK[];
}

function pemKeys(text: string, from: string): Promise<JWK[]> {
  const blocks = text.match(/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]+?-----END [A-Z ]*PRIVATE KEY-----/g) ?? [];
  return Promise.all(
    blocks.map(async (pem, index) => {
      const jwk = await jwkOfPem(importPKCS8, pem);
      if (!jwk)
        throw badKeys(`${from}: key ${index + 1}`, 'cannot be used: it is none of the supported ones in PKCS #8.');
      return jwk;
    }),
  );
}
