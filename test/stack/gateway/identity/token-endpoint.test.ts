import { describe, expect, test } from 'vitest';
import { FakeClock } from '../../../fake-clock.ts';
import { gatewayInside, HOST, KEYS, newHolder, newKeys, type RequestOptions, START_MS, sourceOf } from './inside.ts';

const basic = (id: string, secret: string) => ({
  authorization: `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`,
});
const FORM = 'application/x-www-form-urlencoded';
const form = (body: string, headers: RequestOptions['headers'] = {}): RequestOptions => ({
  ...{ method: 'POST', body },
  headers: { 'content-type': FORM, ...headers },
});
const good = `grant_type=client_credentials&client_secret=${KEYS.alice}`;
const grant = 'grant_type=client_credentials';

describe('POST /oauth/token', () => {
  const requests: readonly (readonly [what: string, request: RequestOptions, status: number, error?: string])[] = [
    ['the secret in the form', form(good), 200],
    ['id and secret in the form', form(`${good}&client_id=alice`), 200],
    ['HTTP Basic', form(grant, basic('alice', KEYS.alice)), 200],
    ['HTTP Basic without an id', form(grant, basic('', KEYS.alice)), 200],
    ['a type with a charset', form(good, { 'content-type': `${FORM}; charset=utf-8` }), 200],
    ['an empty scope', form(`${good}&scope=`), 200],
    ['a wrong secret', form(`${grant}&client_secret=sk-wrong`), 401, 'invalid_client'],
    ['no secret', form(grant), 401, 'invalid_client'],
    ['an empty secret', form(`${grant}&client_secret=`), 401, 'invalid_client'],
    ["another client's secret", form(`${good}&client_id=bob`), 401, 'invalid_client'],
    ['Basic of another client', form(grant, basic('bob', KEYS.alice)), 401, 'invalid_client'],
    ['Basic that is none', form(grant, { authorization: 'Basic ???' }), 401, 'invalid_client'],
    ['Basic with a broken escape', form(grant, { authorization: `Basic ${btoa('a:%zz')}` }), 401, 'invalid_client'],
    ['a bearer', form(grant, { authorization: `Bearer ${KEYS.alice}` }), 401, 'invalid_client'],
    ['a secret of 5,000 characters', form(`${grant}&client_secret=${'x'.repeat(5000)}`), 401, 'invalid_client'],
    ['both', form(good, basic('alice', KEYS.alice)), 400, 'invalid_request'],
    ['no grant', form(`client_secret=${KEYS.alice}`), 400, 'invalid_request'],
    ['another grant', form(`grant_type=password&client_secret=${KEYS.alice}`), 400, 'unsupported_grant_type'],
    ['a scope', form(`${good}&scope=admin`), 400, 'invalid_scope'],
    ['a parameter twice', form(`${good}&client_secret=${KEYS.bob}`), 400, 'invalid_request'],
    [
      'JSON',
      form(JSON.stringify({ grant_type: 'client_credentials' }), { 'content-type': 'application/json' }),
      400,
      'invalid_request',
    ],
    ['nothing', { method: 'POST' }, 400, 'invalid_request'],
    ['9,000 bytes', form(`${good}&x=${'x'.repeat(9000)}`), 413, 'invalid_request'],
    ['a proof that is none', form(good, { dpop: 'nonsense' }), 400, 'invalid_dpop_proof'],
  ];

  test('gives a token for the right secret, and says what is wrong otherwise, as RFC 6749 does', async () => {
    await using gateway = await gatewayInside({ bearer: 'tokens' });
    for (const [what, request, status, error] of requests) {
      const reply = await gateway.send('/oauth/token', request);
      expect([what, reply.status]).toEqual([what, status]);
      expect(reply.headers, what).toMatchObject({ 'cache-control': 'no-store', 'content-type': 'application/json' });
      if (status === 401) expect(reply.headers['www-authenticate'], what).toBe('Basic realm="squall"');
      const body = JSON.parse(reply.text) as { error?: string; access_token?: string };
      expect([body.error, typeof body.access_token], what).toEqual([error, error ? 'undefined' : 'string']);
    }
    expect((await gateway.send('/oauth/token')).status).toBe(405);
  });

  test('counts as a request of its client, and of no other', async () => {
    const rest = { limits: { perKey: { perMinute: 60, burst: 2 }, global: 'off' as const } };
    await using gateway = await gatewayInside({ bearer: 'tokens' }, { rest });
    const replies = [];
    for (const secret of [KEYS.alice, KEYS.alice, KEYS.alice, KEYS.bob])
      replies.push(await gateway.token({ client_secret: secret }));
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 429, 200]);
    expect(replies[2]!.headers['retry-after']).toBe('1');
    expect(JSON.parse(replies[2]!.text)).toMatchObject({ error: 'temporarily_unavailable' });
  });

  test('is unavailable for as long as nothing can sign, and tokens go on working', async () => {
    const keys = sourceOf(await newKeys());
    const clock = new FakeClock(START_MS);
    const broken = {
      ...keys,
      load: async () => ({ ...(await keys.load()), sign: () => Promise.reject(new Error('no')) }),
    };
    await using working = await gatewayInside({ bearer: 'tokens' }, { clock, keys });
    await using failing = await gatewayInside({ bearer: 'tokens' }, { clock, keys: broken });
    const { access_token: token } = JSON.parse((await working.token({ client_secret: KEYS.alice })).text) as {
      access_token: string;
    };
    const reply = await failing.token({ client_secret: KEYS.alice });
    expect([reply.status, reply.headers['retry-after'], reply.text]).toEqual([
      503,
      '1',
      expect.stringContaining('temporarily_unavailable'),
    ]);
    expect((await failing.send('/v1/models', { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
  });
});

describe('POST /oauth/revoke', () => {
  test("revokes a token of the client's own, and no other", async () => {
    await using gateway = await gatewayInside({ bearer: 'tokens' });
    const issue = async (client_secret: string) =>
      (JSON.parse((await gateway.token({ client_secret })).text) as { access_token: string }).access_token;
    const status = async (token: string) =>
      (await gateway.send('/v1/models', { headers: { authorization: `Bearer ${token}` } })).status;
    const revoke = async (client_secret: string, token: string) =>
      (await gateway.send('/oauth/revoke', form(new URLSearchParams({ client_secret, token }).toString()))).status;
    const [first, second, other] = [await issue(KEYS.alice), await issue(KEYS.alice), await issue(KEYS.bob)];
    expect([await revoke(KEYS.alice, first), await revoke(KEYS.alice, other)]).toEqual([200, 200]);
    expect([await status(first), await status(second), await status(other)]).toEqual([401, 200, 200]);
    expect([await revoke(KEYS.alice, 'nonsense'), await revoke('sk-wrong', second)]).toEqual([200, 401]);
    expect(await status(second)).toBe(200);
  });

  test('has room for a thousand tokens of a client, which are none of the others', async () => {
    await using gateway = await gatewayInside({ bearer: 'tokens' });
    const statusOf = async (secret: string) => {
      const reply = await gateway.token({ client_secret: secret });
      const { access_token: token } = JSON.parse(reply.text) as { access_token: string };
      const form = new URLSearchParams({ client_secret: secret, token }).toString();
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      return (await gateway.send('/oauth/revoke', { method: 'POST', headers, body: form })).status;
    };
    for (let nth = 0; nth < 999; nth += 1) await gateway.identity.revoke('token', `${nth}.alice`);
    expect([await statusOf(KEYS.alice), await statusOf(KEYS.alice), await statusOf(KEYS.bob)]).toEqual([200, 503, 200]);
  });

  test('a bound token is revoked without its proof, which protects its use', async () => {
    const clock = new FakeClock(START_MS);
    await using gateway = await gatewayInside({}, { clock });
    const holder = await newHolder(clock);
    const dpop = await holder.proof({ method: 'POST', url: `http://${HOST}/oauth/token` });
    const issued = await gateway.token({ client_secret: KEYS.alice }, { headers: { dpop } });
    const { access_token: token, token_type: type } = JSON.parse(issued.text) as Record<string, string>;
    expect(type).toBe('DPoP');
    await gateway.send(
      '/oauth/revoke',
      form(new URLSearchParams({ client_secret: KEYS.alice, token: token! }).toString()),
    );
    const headers = { authorization: `DPoP ${token}`, dpop: await holder.proof({ token: token! }) };
    const reply = await gateway.send('/v1/models', { headers });
    expect([reply.status, reply.text]).toEqual([401, expect.stringContaining('token_revoked')]);
  });
});
