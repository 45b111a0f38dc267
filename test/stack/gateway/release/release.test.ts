import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { parseGatewayConfig } from '../../../../stack/gateway/config.ts';
import { type DecisionStore, decisionText, readDecision } from '../../../../stack/gateway/release/decision.ts';
import { decisionFunctions, GET_DECISION, PUT_DECISION } from '../../../../stack/gateway/release/store-scripts.ts';
import type { ScriptFunction } from '../../../../stack/redis/in-memory-redis.ts';
import { FakeClock } from '../../../fake-clock.ts';
import { type Behaviour, gatewayWithAdmin, START_MS } from '../admin/inside.ts';

const UPSTREAMS = [
  ...['a', 'b'].map(name => ({ name, url: `http://${name}`, version: 'v1' })),
  { name: 'c', url: 'http://c', version: 'v2' },
];
const ROUTES = [
  {
    model: 'tiny',
    versions: [
      { name: 'v1', weight: 80 },
      { name: 'v2', weight: 20 },
    ],
  },
];
const ROLLBACK = { burnRates: [{ longMs: 60_000, shortMs: 5000, burnRate: 10 }], minRequests: 10 };

type Inside = Awaited<ReturnType<typeof gatewayWithAdmin>>;

/** A gateway with three upstreams of two versions, without retries. */
const gateway = (release: object = {}, behaviour?: Behaviour, more: Parameters<typeof gatewayWithAdmin>[2] = {}) =>
  gatewayWithAdmin(
    {
      upstreams: UPSTREAMS,
      retries: 0,
      ejection: 'off',
      release: { routes: ROUTES, rollback: ROLLBACK, sticky: 'off', ...release },
    },
    behaviour,
    more,
  );

/** Sends requests one after the other. @returns the versions that served them */
async function versionsOf(own: Inside, count: number, headers = {}): Promise<(string | undefined)[]> {
  const versions: (string | undefined)[] = [];
  for (let nth = 0; nth < count; nth += 1)
    versions.push((await own.complete(headers)).headers['x-squall-version'] as string | undefined);
  return versions;
}
const shareOf = (versions: readonly (string | undefined)[], version: string) =>
  versions.filter(other => other === version).length / versions.length;
const route = async (own: Inside) => (await own.admin('GET', '/routes')).json.routes[0];
const weightsOf = async (own: Inside) =>
  Object.fromEntries(
    ((await route(own)).versions as { name: string; weight: number }[]).map(one => [one.name, one.weight]),
  );

describe('requests', () => {
  test('get versions by weight, and upstreams of their version only', async () => {
    const urls: string[] = [];
    await using own = await gateway({}, url => {
      urls.push(url);
      return 200;
    });
    const versions = await versionsOf(own, 400);
    // Five standard deviations of 400 draws.
    expect(Math.abs(shareOf(versions, 'v2') - 0.2)).toBeLessThan(0.1);
    expect(urls.map(url => (url === 'http://c' ? 'v2' : 'v1'))).toEqual(versions);
    const metrics = await own.gateway.metrics.registry.metrics();
    const count = (version: string) =>
      Number(
        new RegExp(`version_requests_total{model="tiny",version="${version}",outcome="ok"} (\\d+)`).exec(metrics)?.[1],
      );
    expect([count('v1') + count('v2'), count('v2')]).toEqual([400, versions.filter(one => one === 'v2').length]);
    expect(metrics).toContain('gateway_version_weight{model="tiny",version="v2"} 20');
  });

  test('of a key get the same version, until a change of weights moves some of the keys to it', async () => {
    const keys = Array.from({ length: 60 }, (_, nth) => `sk-tenant-${nth}`);
    const apiKeyHashes = keys.map(key => createHash('sha256').update(key).digest('hex'));
    await using own = await gatewayWithAdmin({
      ...{ upstreams: UPSTREAMS, apiKeyHashes, release: { routes: ROUTES, rollback: 'off' } },
    });
    const ask = () =>
      Promise.all(keys.map(async key => (await versionsOf(own, 2, { authorization: `Bearer ${key}` })).join()));
    const before = await ask();
    expect(new Set(before)).toEqual(new Set(['v1,v1', 'v2,v2']));
    expect((await own.admin('PUT', '/routes/tiny', { weights: { v1: 50, v2: 50 } })).status).toBe(200);
    const after = await ask();
    for (const [nth, version] of before.entries()) if (version === 'v2,v2') expect(after[nth]).toBe('v2,v2');
    expect(after.filter(version => version === 'v2,v2').length).toBeGreaterThan(
      before.filter(v => v === 'v2,v2').length,
    );
  });

  test('go to another version while none of the upstreams of theirs is healthy', async () => {
    await using own = await gateway({ rollback: 'off' });
    const c = own.gateway.upstreams.all.find(({ name }) => name === 'c')!;
    c.health = { health: 'unhealthy', contradictions: 0 };
    expect(new Set(await versionsOf(own, 100))).toEqual(new Set(['v1']));
    expect(await own.gateway.metrics.registry.metrics()).toMatch(
      /version_fallbacks_total{model="tiny",version="v2"} \d/,
    );
  });

  test('for a model without a route go anywhere', async () => {
    await using own = await gatewayWithAdmin({
      upstreams: UPSTREAMS,
      release: { routes: [{ ...ROUTES[0]!, model: 'other' }] },
    });
    expect(new Set(await versionsOf(own, 10))).toEqual(new Set([undefined]));
  });
});

describe('a version that fails', () => {
  const failing: Behaviour = url => (url === 'http://c' ? 500 : 200);

  test('is rolled back by itself, and says why', async () => {
    await using own = await gateway({}, failing);
    const versions = await versionsOf(own, 200);
    // minRequests, and no more.
    expect(versions.filter(version => version === 'v2')).toHaveLength(10);
    expect(await weightsOf(own)).toEqual({ v1: 100, v2: 0 });
    expect((await route(own)).reason).toBe(
      'v2 was rolled back: 10 of 10 requests failed within 60 s: 100.0 times the budget of 1 %, limit 10',
    );
    expect(await own.gateway.metrics.registry.metrics()).toContain(
      'gateway_version_rollbacks_total{model="tiny",version="v2",slo="errors"} 1',
    );
    // Once it has traffic again, it is judged anew.
    await own.admin('PUT', '/routes/tiny', { weights: { v1: 1, v2: 1 } });
    expect((await versionsOf(own, 100)).filter(version => version === 'v2')).toHaveLength(10);
  });

  test('keeps its traffic with the rollback off', async () => {
    await using own = await gateway({ rollback: 'off' }, failing);
    expect(shareOf(await versionsOf(own, 400), 'v2')).toBeGreaterThan(0.1);
    expect(await weightsOf(own)).toEqual({ v1: 80, v2: 20 });
  });

  test('is not to blame when the others fail alike', async () => {
    await using own = await gateway({}, () => 500);
    await versionsOf(own, 200);
    expect(await weightsOf(own)).toEqual({ v1: 80, v2: 20 });
  });

  test('is kept when it is the primary, or when that has no healthy upstream', async () => {
    await using primary = await gateway({ routes: [{ ...ROUTES[0], primary: 'v2' }] }, failing);
    await versionsOf(primary, 200);
    expect(await weightsOf(primary)).toEqual({ v1: 80, v2: 20 });
    await using own = await gateway(
      { routes: [{ model: 'tiny', versions: [{ name: 'v1' }, { name: 'v2', weight: 1 }] }] },
      failing,
    );
    for (const upstream of own.gateway.upstreams.all.slice(0, 2))
      upstream.health = { health: 'unhealthy', contradictions: 0 };
    await versionsOf(own, 50);
    expect(await weightsOf(own)).toEqual({ v1: 0, v2: 1 });
  });
});

describe('the admin API', () => {
  test('switches from blue to green and back at once', async () => {
    await using own = await gateway();
    expect((await own.admin('PUT', '/routes/tiny', { weights: { v2: 1 }, reason: 'release 7' })).json).toMatchObject({
      ...{ model: 'tiny', primary: 'v1', reason: 'release 7' },
      versions: [
        { name: 'v1', weight: 0, share: 0, upstreams: 2, healthy: 2, requests: 0 },
        { name: 'v2', weight: 1, share: 1, upstreams: 1, healthy: 1, requests: 0 },
      ],
    });
    expect(new Set(await versionsOf(own, 50))).toEqual(new Set(['v2']));
    await own.admin('PUT', '/routes/tiny/rollback');
    expect(new Set(await versionsOf(own, 50))).toEqual(new Set(['v1']));
    expect((await route(own)).versions[0]).toMatchObject({ requests: 50, failed: 0 });
    await own.admin('PUT', '/routes/tiny', { primary: 'v2' });
    await own.admin('PUT', '/routes/tiny/rollback');
    expect(await weightsOf(own)).toEqual({ v1: 0, v2: 1 });
    await own.admin('DELETE', '/routes/tiny');
    expect(await weightsOf(own)).toEqual({ v1: 80, v2: 20 });
  });

  test.each([
    ['another model', '/routes/large', {}, 404, 'unknown_route', 'model'],
    ['another version', '/routes/tiny', { weights: { v1: 1, v3: 1 } }, 400, 'unknown_version', 'weights.v3'],
    ['another primary', '/routes/tiny', { primary: 'v3' }, 400, 'unknown_version', 'primary'],
    ['a negative weight', '/routes/tiny', { weights: { v1: -1 } }, 400, 'invalid_value', 'weights.v1'],
    ['no weight at all', '/routes/tiny', { weights: { v1: 0 } }, 400, 'invalid_value', 'weights'],
    ['an unknown field', '/routes/tiny', { wieghts: {} }, 400, 'invalid_value', null],
  ])('refuses %s', async (_, path, body, status, code, param) => {
    await using own = await gateway();
    const reply = await own.admin('PUT', path, body);
    expect([reply.status, reply.json.error.code, reply.json.error.param]).toEqual([status, code, param]);
    expect(await weightsOf(own)).toEqual({ v1: 80, v2: 20 });
  });
});

describe('gateways with a store in common', () => {
  /** Two gateways, whose stores fail while `isDown`. */
  async function two() {
    const clock = new FakeClock(START_MS);
    const down = { isDown: false };
    const state = { functions: decisionFunctions() };
    const open = async (behaviour?: Behaviour) => {
      const starting = gateway({}, behaviour, { clock, decisions: storeOf(state, clock, down) });
      await clock.advance(50);
      return starting;
    };
    return { clock, down, state, open };
  }

  test('follow a decision within a second, also one that starts later', async () => {
    const { clock, open } = await two();
    await using one = await open();
    await using other = await open();
    await one.admin('PUT', '/routes/tiny', { weights: { v2: 1 } });
    expect(new Set(await versionsOf(one, 20))).toEqual(new Set(['v2']));
    await clock.advance(250);
    expect(new Set(await versionsOf(other, 20))).toEqual(new Set(['v2']));
    await using third = await open();
    expect(await weightsOf(third)).toEqual({ v1: 0, v2: 1 });
  });

  test('follow a rollback that one of them decides by itself', async () => {
    const { clock, open } = await two();
    await using one = await open(url => (url === 'http://c' ? 500 : 200));
    await using other = await open();
    await versionsOf(one, 100);
    await clock.advance(250);
    expect(await weightsOf(other)).toEqual({ v1: 100, v2: 0 });
    expect((await route(other)).reason).toContain('v2 was rolled back: 10 of 10 requests failed');
  });

  test('take a decision without the store, say so, and share it once that is back, even empty', async () => {
    const { clock, down, state, open } = await two();
    await using one = await open();
    await using other = await open();
    down.isDown = true;
    const { status, json } = await one.admin('PUT', '/routes/tiny/rollback');
    expect([status, json.error.code]).toEqual([503, 'release_unavailable']);
    expect(await weightsOf(one)).toEqual({ v1: 1, v2: 0 });
    await clock.advance(1000);
    expect(await weightsOf(other)).toEqual({ v1: 80, v2: 20 });
    state.functions = decisionFunctions();
    down.isDown = false;
    await clock.advance(1000);
    expect(await weightsOf(other)).toEqual({ v1: 1, v2: 0 });
  });
});

function storeOf(
  state: { functions: ReadonlyMap<string, ScriptFunction> },
  clock: FakeClock,
  down: { isDown: boolean },
): DecisionStore {
  const call = (lua: string, keys: string[], values: (string | number)[]) => {
    if (down.isDown) throw new Error('down');
    const run = state.functions.get(createHash('sha1').update(lua).digest('hex'))!;
    return run(keys, values.map(String), clock.date().getTime(), () => [])[0]!;
  };
  return {
    open: () => {},
    get: async model => readDecision(String(call(GET_DECISION, [model], []))),
    put: async (model, decision, decidedMs = 0) =>
      Number(call(PUT_DECISION, [model], [decisionText(decision), decidedMs])),
    reconnect: () => {},
    close: () => {},
  };
}

test.each([
  [{ versions: [{ name: 'v1', weight: -1 }] }, '`release.routes.0.versions.0.weight`: expected a number >=0, found -1'],
  [
    {
      versions: [
        { name: 'v1', weight: 1 },
        { name: 'v3', weight: 1 },
      ],
    },
    '`release.routes.0.versions.1.name`: must be the version of an upstream, of which these are v1, v2',
  ],
  [{ versions: [{ name: 'v1' }] }, '`release.routes.0.versions`: must have a weight above 0'],
  [
    {
      versions: [
        { name: 'v1', weight: 1 },
        { name: 'v1', weight: 1 },
      ],
    },
    '`release.routes.0.versions.1.name`: must not occur twice',
  ],
  [
    { versions: [{ name: 'v1', weight: 1 }], primary: 'v2' },
    '`release.routes.0.primary`: must be one of the versions v1',
  ],
])('a configuration with the route %j is refused by name', (route, message) => {
  const release = { routes: [{ model: 'tiny', ...route }] };
  expect(() => parseGatewayConfig(JSON.stringify({ upstreams: UPSTREAMS, release }))).toThrow(message);
});
