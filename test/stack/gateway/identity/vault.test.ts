import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createServer } from 'node:http';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import pino from 'pino';
import { expect, test } from 'vitest';
import { systemNetwork, thisMachine } from '../../../../harness/host/network.ts';
import { KeyRing } from '../../../../stack/gateway/identity/keys/key-ring.ts';
import { vaultKeys } from '../../../../stack/gateway/identity/keys/vault-keys.ts';
import { FakeClock } from '../../../fake-clock.ts';
import { START_MS } from './inside.ts';

const TOKEN = 'hvs.test-token';
const TYPES = {
  ed25519: { type: 'ed25519', make: () => generateKeyPairSync('ed25519'), alg: 'EdDSA' },
  p256: { type: 'ecdsa-p256', make: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }), alg: 'ES256' },
  p384: { type: 'ecdsa-p384', make: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }), alg: 'ES384' },
  rsa: { type: 'rsa-2048', make: () => generateKeyPairSync('rsa', { modulusLength: 2048 }), alg: 'RS256' },
} as const;
type Name = keyof typeof TYPES;

/** The transit engine of Vault as its API documentation describes it: `GET keys/NAME`, `POST sign/NAME`, `POST keys/NAME/rotate`. */
async function startVault() {
  const versions = new Map<string, { readonly publicKey: KeyObject; readonly privateKey: KeyObject }[]>();
  for (const [name, { make }] of Object.entries(TYPES)) versions.set(name, [make()]);
  const state = { isDown: false, minVersion: 1, requests: [] as string[] };
  const publicText = (key: KeyObject, type: string) =>
    type === 'ed25519'
      ? Buffer.from(key.export({ format: 'jwk' }).x!, 'base64url').toString('base64')
      : String(key.export({ type: 'spki', format: 'pem' }));
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    state.requests.push(`${request.method} ${request.url}`);
    const send = (status: number, data: object) => response.writeHead(status).end(JSON.stringify(data));
    if (state.isDown) return send(503, { errors: ['Vault is sealed'] });
    if (request.headers['x-vault-token'] !== TOKEN) return send(403, { errors: ['permission denied'] });
    const [, what, name = ''] = /^\/v1\/transit\/(keys|sign)\/([\w.-]+)$/.exec(request.url ?? '') ?? [];
    if (name === 'aes')
      return send(200, { data: { type: 'aes256-gcm96', latest_version: 1, keys: { 1: 1_800_000_000 } } });
    const keys = versions.get(name);
    if (!keys) return send(404, { errors: [] });
    const { type } = TYPES[name as Name];
    if (what === 'keys') {
      const all = keys.map(({ publicKey }, at) => [at + 1, { public_key: publicText(publicKey, type) }]);
      const data = {
        type,
        latest_version: keys.length,
        min_decryption_version: state.minVersion,
        keys: Object.fromEntries(all),
      };
      return send(200, { data });
    }
    const asked = JSON.parse(body) as Record<string, string | number>;
    const { privateKey } = keys[Number(asked.key_version) - 1]!;
    const input = Buffer.from(String(asked.input), 'base64');
    if (type.startsWith('rsa') && asked.signature_algorithm !== 'pkcs1v15') return send(400, { errors: ['pss'] });
    const digest = type === 'ed25519' ? null : String(asked.hash_algorithm).replace('sha2-', 'sha');
    const isJws = asked.marshaling_algorithm === 'jws';
    const signature = sign(digest, input, { key: privateKey, ...(isJws && { dsaEncoding: 'ieee-p1363' as const }) });
    const text = signature.toString(isJws && type.startsWith('ecdsa') ? 'base64url' : 'base64');
    send(200, { data: { signature: `vault:v${asked.key_version}:${text}` } });
  });
  const { port } = await systemNetwork.listen(server, { host: '127.0.0.1', port: 0 });
  return {
    ...{ state, url: `http://127.0.0.1:${port}` },
    rotate: (name: Name) => versions.get(name)!.push(TYPES[name].make()),
    [Symbol.asyncDispose]: async () => void server.close().closeAllConnections(),
  };
}

const configOf = (url: string, key: string) =>
  ({
    from: 'vault',
    url,
    mount: 'transit',
    key,
    tokenVariable: 'VAULT_TOKEN',
    timeoutMs: 2000,
    refreshMs: 1000,
  }) as const;

test('keys of the transit engine sign without leaving it, whatever their type', async () => {
  await using vault = await startVault();
  for (const [name, { alg }] of Object.entries(TYPES)) {
    const keys = await vaultKeys(configOf(vault.url, name), TOKEN, thisMachine).load();
    const token = await keys.sign(JSON.stringify({ sub: name }), 'at+jwt');
    expect(decodeProtectedHeader(token)).toEqual({ alg, kid: `${name}-v1`, typ: 'at+jwt' });
    const jwks = keys.verifying.map(({ jwk }) => jwk);
    expect((await jwtVerify(token, createLocalJWKSet({ keys: jwks }))).payload).toEqual({ sub: name });
  }
  expect(vault.state.requests).toContain('POST /v1/transit/sign/p256');
});

test('a rotated key signs, the old version verifies, and while Vault is sealed the last keys stay', async () => {
  await using vault = await startVault();
  const clock = new FakeClock(START_MS);
  const source = vaultKeys(configOf(vault.url, 'ed25519'), TOKEN, thisMachine);
  const options = { clock, log: pino({ enabled: false }), settle: <T>(run: () => Promise<T>) => run(), keepMs: 10_000 };
  using ring = await KeyRing.open(source, options);
  const old = await ring.sign('{}', 'x');
  vault.rotate('ed25519');
  await clock.advance(200);
  await ring.find('ed25519-v2');
  expect(decodeProtectedHeader(await ring.sign('{}', 'x')).kid).toBe('ed25519-v2');
  expect(ring.published().map(({ kid }) => kid)).toEqual(['ed25519-v1', 'ed25519-v2']);
  expect((await jwtVerify(old, createLocalJWKSet({ keys: [...ring.published()] }))).protectedHeader.kid).toBe(
    'ed25519-v1',
  );
  vault.state.isDown = true;
  await clock.advance(200);
  await ring.find('another');
  expect(ring.get('ed25519-v2')?.alg).toBe('EdDSA');
  await expect(ring.sign('{}', 'x')).rejects.toMatchObject({ code: 'BAD_SIGNING_KEYS' });
});

test.each([
  ['another token', 'ed25519', 'hvs.other', 'status 403'],
  ['no token', 'ed25519', undefined, 'needs a token in the environment variable VAULT_TOKEN'],
  ['a key that does not exist', 'none', TOKEN, 'status 404'],
  ['a symmetric key', 'aes', TOKEN, 'is symmetric'],
])('%s: the message names the key, and shows no token', async (_, key, token, expected) => {
  await using vault = await startVault();
  const error = await vaultKeys(configOf(vault.url, key), token, thisMachine)
    .load()
    .catch((thrown: Error) => thrown);
  expect(error).toMatchObject({ code: 'BAD_SIGNING_KEYS', message: expect.stringContaining(expected) });
  expect((error as Error).message).toMatch(new RegExp(`^\`identity.keys\`: Vault's key transit/${key}`));
  expect((error as Error).message).not.toContain('hvs.');
});

test('a Vault that is not there is an error with its reason', async () => {
  const keys = vaultKeys(configOf('http://127.0.0.1:1', 'k'), TOKEN, thisMachine);
  await expect(keys.load()).rejects.toThrow(/^`identity\.keys`: Vault's key transit\/k cannot be used: /);
});
