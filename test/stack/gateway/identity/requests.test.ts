import { hash } from 'node:crypto';
import { base64url, CompactSign, exportJWK, generateKeyPair, importJWK, SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { FakeClock } from '../../../fake-clock.ts';
import {
  gatewayInside,
  HOST,
  type InsideGateway,
  KEYS,
  newHolder,
  newKeys,
  START_MS,
  sourceOf,
  storeInside,
} from './inside.ts';

const LIFE_MS = 1_800_000;
const signingText = await newKeys('ES256', 'signer');
const [signingJwk] = (JSON.parse(signingText) as { keys: [Record<string, string>] }).keys;
const signingKey = await importJWK(signingJwk!, 'ES256');
const seconds = START_MS / 1000;
const claims = { iss: 'squall-gateway', aud: 'squall-gateway', sub: 'alice', client_id: 'alice' };
const times = { iat: seconds, nbf: seconds, exp: seconds + 1800, jti: 'own' };
const HEADER = { alg: 'ES256', kid: 'signer', typ: 'at+jwt' };

/** Token signed as the gateway does, but for what is replaced. */
const forged = (header: object = {}, payload: object = {}, key: Parameters<SignJWT['sign']>[0] = signingKey) =>
  new SignJWT({ ...claims, ...times, ...payload })
    .setProtectedHeader({ ...HEADER, ...header } as typeof HEADER)
    .sign(key, { crit: { x: true } });
const unsigned = (header: object, payload: object = {}) =>
  `${base64url.encode(JSON.stringify({ ...HEADER, ...header }))}.${base64url.encode(JSON.stringify({ ...claims, ...times, ...payload }))}.`;
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const code = ({ text }: { readonly text: string }) => (JSON.parse(text) as { error: { code: string } }).error.code;
const issued = async (gateway: InsideGateway, secret: string, dpop?: string) => {
  const reply = await gateway.token({ client_secret: secret }, dpop === undefined ? {} : { headers: { dpop } });
  expect(reply.status, reply.text).toBe(200);
  return (JSON.parse(reply.text) as { access_token: string }).access_token;
};
const tokenUrl = { method: 'POST', url: `http://${HOST}/oauth/token` };

describe('an access token as a bearer', async () => {
  const other = await generateKeyPair('ES256');
  const publicBytes = new TextEncoder().encode(JSON.stringify(await exportJWK(other.publicKey)));
  const refused: readonly (readonly [what: string, token: () => Promise<string> | string, code: string])[] = [
    ['alg none', () => unsigned({ alg: 'none' }), 'invalid_token'],
    ['alg none without a kid', () => unsigned({ alg: 'none', kid: undefined }), 'unknown_signing_key'],
    ['an HMAC with a public text', () => forged({ alg: 'HS256' }, {}, publicBytes), 'invalid_token'],
    ['another algorithm of the same key type', () => unsigned({ alg: 'ES384' }), 'invalid_token'],
    ['a wrong audience', () => forged({}, { aud: 'other' }), 'invalid_token'],
    ['a wrong issuer', () => forged({}, { iss: 'other' }), 'invalid_token'],
    ['no audience', () => forged({}, { aud: undefined }), 'invalid_token'],
    ['an expired one', () => forged({}, { exp: seconds - 1 }), 'token_expired'],
    ['one that expires now', () => forged({}, { exp: seconds }), 'token_expired'],
    ['one that is not valid yet', () => forged({}, { nbf: seconds + 10 }), 'token_not_yet_valid'],
    ['another key under its kid', () => forged({}, {}, other.privateKey), 'invalid_token'],
    ['an unknown kid', () => forged({ kid: 'unknown' }), 'unknown_signing_key'],
    ['a kid of the prototype', () => forged({ kid: '__proto__' }), 'unknown_signing_key'],
    ['another type of JWT', () => forged({ typ: 'JWT' }), 'invalid_token'],
    ['no end', () => forged({}, { exp: undefined }), 'invalid_token'],
    ['an end that is no number', () => forged({}, { exp: 'never' }), 'invalid_token'],
    ['no id', () => forged({}, { jti: undefined }), 'invalid_token'],
    ['a confirmation of another kind', () => forged({}, { cnf: { x5t: 'a' } }), 'invalid_token'],
    ['a confirmation that is null', () => forged({}, { cnf: null }), 'invalid_token'],
    ['a critical extension', () => forged({ crit: ['x'], x: 1 }), 'invalid_token'],
    ['an unknown client', () => forged({}, { sub: 'mallory' }), 'key_revoked'],
    [
      'a changed payload',
      async () => (await forged()).replace(/\.[^.]+\./, `.${base64url.encode('{"sub":"bob"}')}.`),
      'invalid_token',
    ],
    [
      'a payload that is no JSON',
      () => new CompactSign(Buffer.from('no')).setProtectedHeader(HEADER).sign(signingKey),
      'invalid_token',
    ],
    ['a header that is no JSON', () => `${base64url.encode('{"alg":')}.e30.AA`, 'invalid_token'],
    ['more than 4096 bytes', () => `eyJ${'a'.repeat(5000)}.e30.AA`, 'credentials_too_long'],
  ];

  test('is accepted as the gateway issues it, and refused in every other form', async () => {
    await using gateway = await gatewayInside({ bearer: 'tokens' }, { keys: sourceOf(signingText) });
    // The counter-check: the same maker of tokens, with nothing replaced.
    expect((await gateway.send('/v1/models', { headers: bearer(await forged()) })).status).toBe(200);
    for (const [what, make, expected] of refused) {
      const reply = await gateway.send('/v1/models', { headers: bearer(await make()) });
      expect([what, reply.status, code(reply)]).toEqual([what, 401, expected]);
      expect(reply.headers['www-authenticate'], what).toMatch(/^Bearer realm="squall", error="invalid_token"/);
      expect(JSON.parse(reply.text)).toEqual({
        error: { message: expect.any(String), type: 'invalid_request_error', param: null, code: expected },
      });
    }
  });
});

test('a token lives for 30 minutes, to the second, and the next one is had by asking again', async () => {
  await using gateway = await gatewayInside({ bearer: 'tokens' });
  const reply = await gateway.token({ client_id: 'alice', client_secret: KEYS.alice });
  expect(JSON.parse(reply.text)).toMatchObject({ token_type: 'Bearer', expires_in: 1800 });
  expect(reply.headers).toMatchObject({ 'cache-control': 'no-store', pragma: 'no-cache' });
  const first = (JSON.parse(reply.text) as { access_token: string }).access_token;
  const status = async (token: string) => (await gateway.send('/v1/models', { headers: bearer(token) })).status;
  await gateway.clock.advance(LIFE_MS - 1000);
  expect(await status(first)).toBe(200);
  const second = await issued(gateway, KEYS.alice);
  await gateway.clock.advance(2000);
  expect([await status(first), await status(second)]).toEqual([401, 200]);
});

describe('credentials', () => {
  test.each([
    ['off', 401, 401],
    ['tokens', 401, 200],
    ['keys', 200, 200],
  ] as const)('bearer %s: an API key gets %i, a bearer token %i', async (bearerOption, ofKey, ofToken) => {
    await using gateway = await gatewayInside({ bearer: bearerOption }, { keys: sourceOf(signingText) });
    const reply = await gateway.send('/v1/models', { headers: bearer(KEYS.alice) });
    expect(reply.status).toBe(ofKey);
    expect((await gateway.send('/v1/models', { headers: bearer(await forged()) })).status).toBe(ofToken);
    expect((await gateway.send('/v1/models', { headers: bearer('sk-wrong') })).status).toBe(401);
    expect((await gateway.token({ client_secret: KEYS.alice })).status).toBe(bearerOption === 'off' ? 400 : 200);
  });

  test('without any there is a challenge, also for DPoP', async () => {
    await using gateway = await gatewayInside({});
    const reply = await gateway.send('/v1/models');
    expect([reply.status, code(reply)]).toEqual([401, 'missing_credentials']);
    expect(reply.headers['www-authenticate']).toContain('DPoP algs="');
  });

  test('keys without a name are clients, too, and a completion is served', async () => {
    const rest = { apiKeyHashes: [hash('sha256', 'sk-unnamed')] };
    await using gateway = await gatewayInside({ bearer: 'tokens', clients: {} }, { rest });
    const token = await issued(gateway, 'sk-unnamed');
    const body = JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'hi' }] });
    const reply = await gateway.send('/v1/chat/completions', { method: 'POST', headers: bearer(token), body });
    expect([reply.status, reply.text]).toEqual([200, expect.stringContaining('"hi"')]);
  });

  test('an address beyond the allowed networks is refused with 403, whatever the credentials', async () => {
    const sha256 = hash('sha256', KEYS.alice);
    await using gateway = await gatewayInside({
      bearer: 'tokens',
      networks: ['10.0.0.0/8', '2001:db8::/32'],
      clients: { alice: { sha256 }, bob: { sha256: hash('sha256', KEYS.bob), networks: ['192.0.2.7'] } },
    });
    const from = (secret: string, address: string | undefined) =>
      gateway.token({ client_secret: secret }, address === undefined ? {} : { address });
    const statuses = async (secret: string, addresses: readonly (string | undefined)[]) =>
      Promise.all(addresses.map(async address => (await from(secret, address)).status));
    const addresses = ['10.9.8.7', '::ffff:10.9.8.7', '2001:db8::1', '11.0.0.1', '2001:db9::1', '192.0.2.7', undefined];
    expect(await statuses(KEYS.alice, addresses)).toEqual([200, 200, 200, 401, 401, 401, 401]);
    expect(await statuses(KEYS.bob, addresses)).toEqual([401, 401, 401, 401, 401, 200, 401]);
    const token = JSON.parse((await from(KEYS.alice, '10.0.0.1')).text).access_token as string;
    const reply = await gateway.send('/v1/models', { headers: bearer(token), address: '11.0.0.1' });
    expect([reply.status, code(reply)]).toEqual([403, 'address_not_allowed']);
    expect(reply.headers['www-authenticate']).toContain('error="insufficient_scope"');
    expect((await gateway.send('/v1/models', { headers: bearer(token), address: '10.0.0.1' })).status).toBe(200);
  });
});

describe('a token that is bound to a key', async () => {
  const clock = new FakeClock(START_MS);
  const holder = await newHolder(clock);
  const thief = await newHolder(clock, 'EdDSA');
  const weak = new TextEncoder().encode('0123456789abcdef0123456789abcdef');
  const privateJwk = await exportJWK(holder.privateKey);

  test('needs a proof that holds, once, for this request', async () => {
    await using gateway = await gatewayInside({}, { clock });
    const token = await issued(gateway, KEYS.alice, await holder.proof(tokenUrl));
    const payload = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as object;
    expect(payload).toMatchObject({ cnf: { jkt: holder.thumbprint }, sub: 'alice', aud: 'squall-gateway' });
    const send = (dpop: string | string[] | undefined, scheme = 'DPoP') =>
      gateway.send('/v1/models?x=1', { headers: { authorization: `${scheme} ${token}`, ...(dpop && { dpop }) } });
    const once = await holder.proof({ token });
    expect((await send(once)).status).toBe(200);
    const jwt = (header: object, more: object = {}) =>
      holder.proof({ token, header: { ...header }, claims: { ...more } });
    const old = (agoSeconds: number) => ({ iat: Math.floor(clock.nowMs() / 1000) - agoSeconds });
    const cases: readonly (readonly [
      what: string,
      proof: string | string[] | undefined,
      code: string,
      scheme?: string,
    ])[] = [
      ['replayed', once, 'proof_replayed'],
      ['none', undefined, 'proof_required'],
      ['the scheme of a bearer', await holder.proof({ token }), 'proof_required', 'Bearer'],
      ['two proofs', [await holder.proof({ token }), await holder.proof({ token })], 'invalid_proof'],
      ['another method', await holder.proof({ token, method: 'POST' }), 'invalid_proof'],
      ['the method in lower case', await holder.proof({ token, method: 'get' }), 'invalid_proof'],
      ['another path', await holder.proof({ token, url: `http://${HOST}/v1/completions` }), 'invalid_proof'],
      ['another host', await holder.proof({ token, url: 'http://other.test/v1/models' }), 'invalid_proof'],
      ['another port', await holder.proof({ token, url: `http://${HOST}:81/v1/models` }), 'invalid_proof'],
      ['no URL', await holder.proof({ token, url: 'models' }), 'invalid_proof'],
      ['another token', await holder.proof({ token: `${token}x` }), 'invalid_proof'],
      ['no token', await holder.proof(), 'invalid_proof'],
      ['another key', await thief.proof({ token }), 'invalid_proof'],
      ['a signature by another key', await thief.proof({ token, header: { jwk: holder.jwk } }), 'invalid_proof'],
      ['a private key', await jwt({ jwk: privateJwk }), 'invalid_proof'],
      ['no key', await jwt({ jwk: undefined }), 'invalid_proof'],
      ['another type', await jwt({ typ: 'JWT' }), 'invalid_proof'],
      ['an age of 63 s', await jwt({}, old(63)), 'invalid_proof'],
      ['the future', await jwt({}, old(-4)), 'invalid_proof'],
      ['no time', await jwt({}, { iat: undefined }), 'invalid_proof'],
      ['a time that is no number', await jwt({}, { iat: 'now' as never }), 'invalid_proof'],
      ['no id', await jwt({}, { jti: undefined }), 'invalid_proof'],
      ['an id of 300 characters', await jwt({}, { jti: 'x'.repeat(300) }), 'invalid_proof'],
      [
        'alg none',
        (await jwt({})).replace(
          /^[^.]+/,
          base64url.encode(JSON.stringify({ alg: 'none', typ: 'dpop+jwt', jwk: holder.jwk })),
        ),
        'invalid_proof',
      ],
      [
        'an HMAC',
        await new SignJWT({}).setProtectedHeader({ alg: 'HS256', typ: 'dpop+jwt', jwk: { kty: 'oct' } }).sign(weak),
        'invalid_proof',
      ],
      ['no JWT', 'nonsense', 'invalid_proof'],
    ];
    for (const [what, proof, expected, scheme] of cases) {
      const reply = await send(proof, scheme);
      expect([what, reply.status, code(reply)]).toEqual([what, 401, expected]);
      expect(reply.headers['www-authenticate'], what).toContain('error="invalid_dpop_proof"');
    }
    // The counter-checks: what differs from the above by a little is accepted.
    const accepted = [
      await holder.proof({ token, url: `https://${HOST}/v1/models?other=query#part` }),
      await holder.proof({ token, url: `HTTP://${HOST.toUpperCase()}:80/v1/models` }),
      await jwt({}, old(59)),
      await jwt({}, old(-1)),
    ];
    for (const proof of accepted) expect((await send(proof)).status).toBe(200);
  });

  test('configured origins count instead of the Host header', async () => {
    await using gateway = await gatewayInside({ origins: ['https://llm.example'] }, { clock });
    const url = 'https://llm.example';
    const token = await issued(gateway, KEYS.alice, await holder.proof({ method: 'POST', url: `${url}/oauth/token` }));
    const send = async (own: string) =>
      (
        await gateway.send('/v1/models', {
          headers: { authorization: `DPoP ${token}`, dpop: await holder.proof({ token, url: own }) },
        })
      ).status;
    expect([await send(`${url}/v1/models`), await send(`http://${HOST}/v1/models`)]).toEqual([200, 401]);
  });

  test('a proof is used once among all gateways, and once on each while their store is down', async () => {
    const shared = storeInside(clock);
    await using first = await gatewayInside({}, { clock, store: shared, keys: sourceOf(signingText) });
    await using second = await gatewayInside({}, { clock, store: shared, keys: sourceOf(signingText) });
    await using strict = await gatewayInside(
      { onOutage: 'fail' },
      { clock, store: shared, keys: sourceOf(signingText) },
    );
    const token = await issued(first, KEYS.alice, await holder.proof(tokenUrl));
    const statusAt = async (gateway: InsideGateway, proof: string) =>
      (await gateway.send('/v1/models', { headers: { authorization: `DPoP ${token}`, dpop: proof } })).status;
    const proof = await holder.proof({ token });
    expect([await statusAt(first, proof), await statusAt(second, proof), await statusAt(first, proof)]).toEqual([
      200, 401, 401,
    ]);
    shared.isDown = true;
    const later = await holder.proof({ token });
    // The price of going on without a store: once on each gateway.
    expect([await statusAt(first, later), await statusAt(second, later)]).toEqual([200, 200]);
    expect([await statusAt(first, later), await statusAt(second, later)]).toEqual([401, 401]);
    expect(await statusAt(strict, await holder.proof({ token }))).toBe(503);
  });

  test('replays are accepted where the configuration says so, until the proof is too old', async () => {
    await using gateway = await gatewayInside({ replays: 'accept' }, { clock });
    const token = await issued(gateway, KEYS.alice, await holder.proof(tokenUrl));
    const dpop = await holder.proof({ token });
    const send = async () =>
      (await gateway.send('/v1/models', { headers: { authorization: `DPoP ${token}`, dpop } })).status;
    expect([await send(), await send()]).toEqual([200, 200]);
    await clock.advance(63_000);
    expect(await send()).toBe(401);
  });
});
