import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalJWKSet, decodeProtectedHeader, type JWK, jwtVerify } from 'jose';
import pino from 'pino';
import { describe, expect, test } from 'vitest';
import { KeyRing } from '../../../../stack/gateway/identity/keys/key-ring.ts';
import { environmentKeys, fileKeys, parseKeys } from '../../../../stack/gateway/identity/keys/local-keys.ts';
import { FakeClock } from '../../../fake-clock.ts';
import { gatewayInside, KEYS, newKeys, START_MS, sourceOf } from './inside.ts';

const settle = <T>(run: () => Promise<T>) => run();
const log = pino({ enabled: false });
const pem = (type: 'ed25519' | 'rsa' | 'ec' | 'x25519', options: object = {}) =>
  generateKeyPairSync(type as 'ec', options as { namedCurve: string }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  });

describe('signing keys in a text', () => {
  test.each([
    ['EdDSA', () => pem('ed25519')],
    ['ES256', () => pem('ec', { namedCurve: 'P-256' })],
    ['ES384', () => pem('ec', { namedCurve: 'P-384' })],
    ['ES512', () => pem('ec', { namedCurve: 'P-521' })],
    ['RS256', () => pem('rsa', { modulusLength: 2048 })],
    ['EdDSA', () => newKeys('EdDSA')],
    [
      'PS256',
      async () => JSON.stringify({ ...(JSON.parse(await newKeys('PS256')) as { keys: JWK[] }).keys[0], alg: 'PS256' }),
    ],
  ])('sign by %s, and are published without private members', async (alg, text) => {
    const keys = await parseKeys(String(await text()), 'The test');
    const token = await keys.sign(JSON.stringify({ sub: 'x' }), 'at+jwt');
    expect(decodeProtectedHeader(token)).toEqual({ alg, kid: keys.kid, typ: 'at+jwt' });
    const jwks = keys.verifying.map(({ jwk }) => jwk);
    expect(Object.keys(jwks[0]!).filter(name => ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'].includes(name))).toEqual([]);
    expect((await jwtVerify(token, createLocalJWKSet({ keys: jwks }))).payload).toEqual({ sub: 'x' });
  });

  const secret = 'c2VjcmV0LXRoYXQtbXVzdC1ub3QtYmUtc2hvd24';
  test.each([
    ['nothing', '', 'holds no key'],
    ['no JSON', `{"d":"${secret}"`, 'is neither JSON nor PEM'],
    ['JSON without keys', `{"a":"${secret}"}`, 'holds neither a JWK nor a set of them'],
    ['an empty set', '{"keys":[]}', 'holds no key'],
    ['a symmetric key', `{"kty":"oct","k":"${secret}"}`, 'of type "oct"'],
    ['an algorithm that is none', `{"kty":"OKP","crv":"Ed25519","alg":"none","d":"${secret}"}`, 'is none for Ed25519'],
    ['half a key', `{"kty":"OKP","crv":"Ed25519","d":"${secret}"}`, 'key 1 cannot be used'],
    [
      'a PEM that is broken',
      `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----`,
      'key 1 cannot be used',
    ],
    ['a key of another kind', String(pem('x25519')), 'key 1 cannot be used'],
    ['an RSA key of 1024 bits', String(pem('rsa', { modulusLength: 1024 })), '1024 bits, fewer than 2048'],
    [
      'public keys only',
      JSON.stringify({
        kty: 'EC',
        ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }),
      }),
      'holds no private key',
    ],
  ])('%s: the message says so, and shows nothing of it', async (_, text, expected) => {
    const error = await parseKeys(text, 'The file /run/keys').then(
      () => undefined,
      (thrown: Error) => thrown,
    );
    expect(error).toMatchObject({ code: 'BAD_SIGNING_KEYS', message: expect.stringContaining(expected) });
    expect(error?.message).toMatch(/^The file \/run\/keys/);
    expect(error?.message).not.toContain(secret);
  });

  test('two keys of one kid are an error', async () => {
    const one = (JSON.parse(await newKeys('ES256', 'same')) as { keys: JWK[] }).keys;
    const two = (JSON.parse(await newKeys('ES256', 'same')) as { keys: JWK[] }).keys;
    await expect(parseKeys(JSON.stringify({ keys: [...one, ...two] }), 'F')).rejects.toThrow(
      'two keys with the `kid` "same"',
    );
  });

  test('a file that cannot be read and a variable that is not set are named', async () => {
    await expect(fileKeys('/no/such/file', 1000).load()).rejects.toThrow(
      '`identity.keys.path`: the file /no/such/file with the signing keys cannot be read',
    );
    await expect(environmentKeys('MY_KEYS', undefined).load()).rejects.toThrow('the environment variable MY_KEYS');
    expect((await environmentKeys('MY_KEYS', await newKeys('ES256', 'a')).load()).kid).toBe('a');
  });
});

test('a file with a new key is used within its interval, and tokens by the old key go on until they have expired', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'squall-keys-'));
  try {
    const path = join(folder, 'keys.json');
    writeFileSync(path, await newKeys('ES256', 'first'));
    const clock = new FakeClock(START_MS);
    const options = { clock, log, settle, keepMs: 1_802_000 };
    using ring = await KeyRing.open(fileKeys(path, 1000), options);
    // Each gateway signs by the first private key; another one has read the new file already, this one not yet.
    ring.start();
    writeFileSync(path, await newKeys('ES256', 'second'));
    using ahead = await KeyRing.open(fileKeys(path, 1000), options);
    await clock.advance(200);
    expect((await ring.find('second'))?.kid).toBe('second');
    expect(decodeProtectedHeader(await ring.sign('{}', 'x')).kid).toBe('second');
    expect([ring, ahead].map(one => one.published().map(({ kid }) => kid))).toEqual([['first', 'second'], ['second']]);
    await clock.advance(1_801_000);
    expect(ring.get('first')?.kid).toBe('first');
    await clock.advance(2000);
    expect([ring.get('first'), ring.published().map(({ kid }) => kid)]).toEqual([undefined, ['second']]);
    writeFileSync(path, 'broken');
    await clock.advance(2000);
    expect(decodeProtectedHeader(await ring.sign('{}', 'x')).kid).toBe('second');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('two gateways rotate without refusing a token, and a key that is replaced under its kid is no longer trusted', async () => {
  const clock = new FakeClock(START_MS);
  const [one, two] = [await newKeys('ES256', 'one'), await newKeys('ES256', 'two')];
  const sources = [sourceOf(one), sourceOf(one)] as const;
  await using first = await gatewayInside({ bearer: 'tokens' }, { clock, keys: sources[0] });
  await using second = await gatewayInside({ bearer: 'tokens' }, { clock, keys: sources[1] });
  const token = async () =>
    (JSON.parse((await first.token({ client_secret: KEYS.alice })).text) as { access_token: string }).access_token;
  const statuses = async (text: string) => {
    const headers = { authorization: `Bearer ${text}` };
    return Promise.all([first, second].map(async gateway => (await gateway.send('/v1/models', { headers })).status));
  };
  const old = await token();
  expect(await statuses(old)).toEqual([200, 200]);
  for (const source of sources) source.text = two;
  // Only the first gateway looks by itself: the second one does when it sees the new `kid`.
  await first.ring.find('two');
  await clock.advance(150);
  await first.ring.find('two');
  const fresh = await token();
  expect(decodeProtectedHeader(fresh).kid).toBe('two');
  expect([await statuses(fresh), await statuses(old)]).toEqual([
    [200, 200],
    [200, 200],
  ]);
  const jwks = JSON.parse((await second.send('/.well-known/jwks.json')).text) as { keys: JWK[] };
  expect(jwks.keys.map(({ kid, d }) => [kid, d])).toEqual([
    ['one', undefined],
    ['two', undefined],
  ]);
  const replaced = await newKeys('ES256', 'two');
  for (const source of sources) source.text = replaced;
  await clock.advance(2500);
  expect(await statuses(fresh)).toEqual([401, 401]);
  // Anybody can send a `kid` that nobody knows: it costs at most ten loads a second.
  const before = sources[1].loads;
  for (let nth = 0; nth < 50; nth += 1) await second.ring.find(`none ${nth}`);
  expect(sources[1].loads - before).toBeLessThanOrEqual(1);
});
