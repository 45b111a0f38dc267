import { expect, test } from 'vitest';
import { type Random, seededRandom } from '../../../../harness/random.ts';
import { gatewayWithAdmin, type Reply, type Sent, sendTo, TOKEN } from './inside.ts';

const REQUESTS = 1000;
const SEED = 23;
const SECRET = 's3cret-of-redis';

const below = (random: Random, limit: number) => Math.floor(random.next() * limit);
const oneOf = <T>(random: Random, values: readonly T[]): T => values[below(random, values.length)]!;
const noise = (random: Random, length: number) =>
  Array.from({ length: below(random, length) }, () => String.fromCharCode(0x21 + below(random, 0x5e))).join('');

const NAMES = [
  'a',
  'b',
  'tiny',
  '__proto__',
  'constructor',
  '..',
  '%2e%2e',
  '%00',
  '%ff',
  '%F0%9F',
  'x'.repeat(4000),
  '',
];
const ROOTS = [
  'drain',
  'drain',
  'breakers',
  'upstreams',
  'breakers',
  'queues',
  'revocations',
  'routes',
  'drain',
  'config',
  'metrics',
  'v1/models',
  '',
];
const VALUES = [0, -1, 1e308, null, true, '', 'x', [], {}, [1], { a: 1 }, { __proto__: 1 }, '1', 0.5, 1_000_001];
const METHODS = ['GET', 'GET', 'PUT', 'PUT', 'DELETE', 'DELETE', 'POST', 'PATCH', 'HEAD', 'OPTIONS', 'TRACE'];

function bodyOf(random: Random): string | Buffer | undefined {
  const object = () =>
    Object.fromEntries(
      Array.from({ length: below(random, 4) }, () => [
        oneOf(random, ['weight', 'weights', 'primary', 'reason', '__proto__', noise(random, 9)]),
        oneOf(random, VALUES),
      ]),
    );
  return oneOf<() => string | Buffer | undefined>(random, [
    ...Array(5).fill(() => undefined),
    ...Array(3).fill(() => JSON.stringify(object())),
    () => JSON.stringify({ weights: object() }),
    () => JSON.stringify(oneOf(random, VALUES)),
    () => noise(random, 200),
    () => '['.repeat(below(random, 16_000)),
    () => '{"a":'.repeat(below(random, 3000)),
    () => 'x'.repeat(below(random, 40_000)),
    () => Buffer.from(Array.from({ length: 64 }, () => below(random, 256))),
  ])();
}

function authorizationOf(random: Random): Readonly<Record<string, string>> {
  const wrong = [
    ...[TOKEN.slice(1), `${TOKEN}x`, TOKEN.toUpperCase(), '', noise(random, 40), `${TOKEN} ${TOKEN}`],
    'x'.repeat(below(random, 6000)),
  ];
  return oneOf<() => Readonly<Record<string, string>>>(random, [
    () => ({}),
    () => ({ authorization: `Bearer ${oneOf(random, wrong)}` }),
    () => ({ authorization: `Basic ${btoa(`:${TOKEN}`)}` }),
    () => ({ authorization: TOKEN }),
    () => ({ 'x-consul-token': oneOf(random, wrong) }),
    () => ({ cookie: `token=${TOKEN}` }),
  ])();
}

function problem(hasToken: boolean, { status, headers, text }: Reply): string | undefined {
  if (status >= 500) return 'the status';
  // 431: headers that are too long never reach a route.
  if (!hasToken && status !== 401 && status !== 431) return 'a response without the token';
  if (status === 401 && !headers['www-authenticate']) return 'no challenge';
  if (text.includes(TOKEN) || text.includes(SECRET)) return 'a secret';
  if (status === 431 || text === '') return undefined;
  try {
    const { error } = JSON.parse(text) as { error?: { message?: string; code?: string; type?: string } };
    if (status >= 400 && !(error?.message && error.code && error.type)) return 'no error as of OpenAI';
    return undefined;
  } catch {
    return 'no JSON';
  }
}

test(`${REQUESTS} hostile requests crash nothing, get no 500, and change and show nothing without the token`, async () => {
  const random = seededRandom(SEED);
  await using own = await gatewayWithAdmin({
    upstreams: [
      { name: 'a', url: `http://user:${SECRET}@a` },
      { name: 'b', url: 'http://b', version: 'v1' },
    ],
    ...{
      models: ['tiny'],
      breaker: {},
      bulkhead: {},
      queue: {},
      admission: {},
      balancer: { policy: 'weighted' },
      release: { routes: [{ model: 'tiny', versions: [{ name: 'v1', weight: 1 }] }] },
    },
  });
  const statuses = new Map<number, number>();
  let [accepted, changed] = [0, 0];
  for (let nth = 0; nth < REQUESTS; nth += 1) {
    const hasToken = random.next() < 0.5;
    const path = `/${[oneOf(random, ROOTS), ...Array.from({ length: oneOf(random, [0, 0, 1, 1, 2]) }, () => oneOf(random, NAMES))].join('/')}`;
    const body = bodyOf(random);
    const sent: Sent = {
      method: oneOf(random, METHODS),
      headers: hasToken ? { authorization: `Bearer ${TOKEN}` } : authorizationOf(random),
      ...(body !== undefined && { body }),
    };
    if (nth % 100 === 99) await own.clock.advance(1000);
    const reply = await sendTo(own.adminServer, path, sent).catch(error =>
      expect.fail(
        `request ${nth} of seed ${SEED}: ${sent.method} ${path.slice(0, 200)} with ${sent.body?.length} bytes: ${error}`,
      ),
    );
    statuses.set(reply.status, (statuses.get(reply.status) ?? 0) + 1);
    const wrong = problem(hasToken, reply);
    if (wrong)
      expect.fail(`request ${nth} of seed ${SEED}: ${sent.method} ${path}: ${wrong} in ${reply.status} ${reply.text}`);
    if (hasToken && reply.status === 200) accepted += 1;
    // Whatever was recorded had the token.
    if (!hasToken) expect(own.changes.length, 'a change without the token').toBe(changed);
    changed = own.changes.length;
  }
  // Not all of one kind, and the counter-check: it still serves whoever has the token, and clients.
  expect([...statuses.keys()]).toEqual(expect.arrayContaining([200, 400, 401, 404, 405, 413]));
  expect(accepted).toBeGreaterThan(10);
  expect(changed).toBeGreaterThan(5);
  await own.admin('DELETE', '/drain');
  expect((await own.admin('GET', '/upstreams')).json.upstreams).toHaveLength(2);
  expect((await own.complete()).status).toBe(200);
}, 60_000);
