import { base64url } from 'jose';
import { expect, test } from 'vitest';
import { type Random, seededRandom } from '../../../../harness/random.ts';
import { FakeClock } from '../../../fake-clock.ts';
import { gatewayInside, HOST, KEYS, newHolder, type Reply, type RequestOptions, START_MS } from './inside.ts';

const REQUESTS = 3000;
const SEED = 17;

const below = (random: Random, limit: number) => Math.floor(random.next() * limit);
const oneOf = <T>(random: Random, values: readonly T[]): T => values[below(random, values.length)]!;
const NASTY = [
  '',
  ' ',
  '\0',
  '%',
  '%00',
  '..',
  '__proto__',
  '{}',
  'null',
  '[]',
  '-1',
  '1e999',
  '\u00ff',
  '"',
  "'",
  '=',
  '&',
  ':',
  ',',
  '\t',
];
const ALGS = ['none', 'HS256', 'ES256', 'RS256', 'EdDSA', 'ES256K', '', null, 1];

const noise = (random: Random, length: number) =>
  Array.from({ length: below(random, length) }, () => String.fromCharCode(0x21 + below(random, 0x5e))).join('');

/** A text with one of its characters changed, removed, repeated, or with something nasty in it. */
function mutated(random: Random, text: string): string {
  const at = below(random, text.length + 1);
  switch (below(random, 5)) {
    case 0:
      return text.slice(0, at) + text.slice(at + 1);
    case 1:
      return text.slice(0, at) + oneOf(random, NASTY) + text.slice(at);
    case 2:
      return text.slice(0, at);
    case 3:
      return text.slice(0, at) + noise(random, 2) + text.slice(at + 1);
    default:
      return text + text.slice(at);
  }
}

/** JSON that may be what a header or a payload is, or not. */
function strangeJson(random: Random): string {
  const value = oneOf(random, [null, 1, -1, 1e308, '', 'x', [], {}, { alg: 'none' }, noise(random, 20), true]);
  const names = [
    'alg',
    'kid',
    'typ',
    'jwk',
    'crit',
    'exp',
    'nbf',
    'sub',
    'jti',
    'cnf',
    'htm',
    'htu',
    'iat',
    'ath',
    'aud',
    'iss',
    'x5u',
    'jku',
  ];
  const object = Object.fromEntries(Array.from({ length: below(random, 8) }, () => [oneOf(random, names), value]));
  return JSON.stringify({ alg: oneOf(random, ALGS), ...object });
}

const jwt = (random: Random) =>
  `${base64url.encode(strangeJson(random))}.${base64url.encode(strangeJson(random))}.${base64url.encode(noise(random, 80))}`;

/** Header values that Node's client refuses to send are of no interest here: the parser's are tested elsewhere. */
const sendable = (text: string) => text.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, '');

/** What is wrong with a response to a request that must be refused. */
function problem(path: string, { status, text, headers }: Reply, secrets: readonly string[]): string | undefined {
  if (status < (path === '/oauth/revoke' ? 200 : 400) || status >= 500) return 'the status';
  if (text.includes('access_token')) return 'a token';
  if (secrets.some(secret => text.includes(secret))) return 'a secret';
  if ((status === 401 || status === 403) && !headers['www-authenticate']) return 'no challenge';
  try {
    JSON.parse(text || '{}');
    return undefined;
  } catch {
    return 'no JSON';
  }
}

test(`${REQUESTS} hostile requests get no 500, no response of an upstream, and no token for a wrong key`, {
  timeout: 60_000,
}, async () => {
  const clock = new FakeClock(START_MS);
  const random = seededRandom(SEED);
  await using gateway = await gatewayInside({}, { clock });
  const holder = await newHolder(clock, 'EdDSA');
  const url = `http://${HOST}/oauth/token`;
  const issue = async () => {
    const dpop = await holder.proof({ method: 'POST', url });
    return (
      JSON.parse((await gateway.token({ client_secret: KEYS.alice }, { headers: { dpop } })).text) as {
        access_token: string;
      }
    ).access_token;
  };
  const token = await issue();
  const goodForm = `grant_type=client_credentials&client_secret=${KEYS.alice}`;
  const wrongKey = `sk-wrong-${'0'.repeat(16)}`;

  /** A request with a credential that is broken in one way or several, so that it must never be accepted. */
  const request = async (): Promise<readonly [path: string, options: RequestOptions]> => {
    // For another method than its URL has here: a change may leave a signature as it was.
    const proof = await holder.proof({ token, method: 'POST' });
    const path = oneOf(random, [
      '/v1/models',
      '/v1/chat/completions',
      '/v1/embeddings',
      '/oauth/token',
      '/oauth/revoke',
    ]);
    const isOAuth = path.startsWith('/oauth');
    const credential = oneOf(random, [
      () => mutated(random, `DPoP ${token}`),
      () => `DPoP ${mutated(random, token)}`,
      () => `Bearer ${token}`,
      () => `Bearer ${jwt(random)}`,
      () => `DPoP ${jwt(random)}`,
      () => `Bearer ${KEYS.alice}`,
      () => `Basic ${btoa(`${noise(random, 9)}:${wrongKey}`)}`,
      () => `${oneOf(random, ['Basic', 'Digest', 'bearer', 'DPOP', ''])} ${noise(random, 200)}`,
      () => oneOf(random, NASTY),
    ])();
    // A proof of another method, of another token, or none: with a good token none of these holds.
    const dpop = oneOf(random, [
      () => undefined,
      () => mutated(random, proof),
      () => jwt(random),
      () => [noise(random, 50), noise(random, 50)],
      () => noise(random, 6000),
    ])();
    const body = isOAuth
      ? oneOf(random, [
          () => goodForm.replace(KEYS.alice, wrongKey),
          () => goodForm.replace(KEYS.alice, mutated(random, wrongKey)),
          () => mutated(random, `grant_type=client_credentials&client_secret=${wrongKey}`),
          () => `${goodForm}&client_id=${encodeURIComponent(oneOf(random, NASTY) || 'bob')}`,
          () => noise(random, 300),
          () => 'a=b&'.repeat(below(random, 4000)),
          () => Buffer.from(Array.from({ length: 64 }, () => below(random, 256))),
        ])()
      : oneOf(random, ['', '{}', '[[[[', noise(random, 100)]);
    const type =
      isOAuth && random.next() < 0.8
        ? 'application/x-www-form-urlencoded'
        : oneOf(random, ['text/plain', 'application/json', '']);
    const headers = {
      ...{
        'content-type': type,
        ...(random.next() < (isOAuth ? 0.3 : 0.9) && { authorization: sendable(credential) }),
      },
      ...(dpop !== undefined && { dpop: Array.isArray(dpop) ? dpop : sendable(dpop) }),
      ...(random.next() < 0.1 && { host: oneOf(random, ['other.test', '[::1]', 'x:99999', '\u00ff', '']) }),
      ...(random.next() < 0.1 && { 'x-forwarded-for': oneOf(random, NASTY).replaceAll(/[^ -~]/g, '') }),
    };
    return [path, { method: path === '/v1/models' ? 'GET' : 'POST', headers, ...(path !== '/v1/models' && { body }) }];
  };

  const statuses: Record<number, number> = {};
  for (let nth = 0; nth < REQUESTS; nth += 1) {
    const [path, options] = await request();
    // Timers of connections that have ended go.
    if (nth % 100 === 99) await clock.advance(1000);
    const reply = await gateway.send(path, options);
    statuses[reply.status] = (statuses[reply.status] ?? 0) + 1;
    const wrong = problem(path, reply, [KEYS.alice, token]);
    if (wrong)
      expect.fail(
        `request ${nth} of seed ${SEED}: ${path} ${JSON.stringify(options)}: ${wrong} in ${reply.status} ${reply.text}`,
      );
  }
  // Not all of one kind, and the counter-check: the gateway still serves who has the right key.
  expect(Object.keys(statuses)).toEqual(expect.arrayContaining(['400', '401', '413']));
  const fresh = await issue();
  const good = { authorization: `DPoP ${fresh}`, dpop: await holder.proof({ token: fresh }) };
  expect((await gateway.send('/v1/models', { headers: good })).status).toBe(200);
  expect(gateway.gateway.connections.countByState()).toEqual({ new: 0, active: 0, idle: 0 });
});
