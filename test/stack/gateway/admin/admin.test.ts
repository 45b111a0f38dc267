import { expect, test } from 'vitest';
import { summaryOf } from '../../../../stack/gateway/admin/config-summary.ts';
import { parseGatewayConfig } from '../../../../stack/gateway/config.ts';
import { gatewayWithAdmin, sendTo, TOKEN } from './inside.ts';

const UPSTREAMS = ['a', 'b'].map(name => ({ name, url: `http://user:s3cret@${name}:8000/base?x=s3cret` }));
const RETRIES = { maxRetries: 3, baseDelayMs: 0, maxDelayMs: 0, budgetMinPerSecond: 1000 };

test('shows why an upstream is out of rotation, and for how long', async () => {
  await using own = await gatewayWithAdmin(
    {
      upstreams: UPSTREAMS,
      retries: RETRIES,
      ejection: { consecutiveFailures: 1, baseMs: 4000 },
      balancer: 'round-robin',
    },
    url => (url.includes('@a:') ? 503 : 200),
  );
  const served = own.complete();
  // The retry waits for its backoff.
  await own.clock.advance(1000);
  expect((await served).status).toBe(200);
  const { json } = await own.admin('GET', '/upstreams');
  const [a, b] = json.upstreams;
  expect(a).toMatchObject({ name: 'a', url: 'http://a:8000/base', state: 'ejected', breaker: null, inFlight: 0 });
  expect(a.ejection).toMatchObject({ reason: 'status', timesEjected: 1 });
  // 4 s, up to 10 % of jitter, less the second that has passed.
  expect(a.ejection.forMs).toBeGreaterThanOrEqual(3000);
  expect(a.ejection.forMs).toBeLessThanOrEqual(3400);
  expect(b).toMatchObject({ name: 'b', state: 'usable', ejection: null });
  expect((await own.admin('GET', '/upstreams/a')).json).toEqual(a);
  expect((await own.admin('GET', '/breakers')).status, 'a part that is off has no routes').toBe(404);
});

test('closes a breaker by hand, which then sends requests again, and says so in metrics and audit', async () => {
  let broken = true;
  await using own = await gatewayWithAdmin(
    { upstreams: UPSTREAMS.slice(0, 1), retries: 0, ejection: 'off', breaker: { minRequests: 2 } },
    () => (broken ? 500 : 200),
  );
  for (let nth = 0; nth < 3; nth += 1) await own.complete();
  const before = await own.admin('GET', '/breakers');
  expect(before.json.breakers).toMatchObject([{ name: 'a', state: 'open' }]);
  expect(before.json.breakers[0].openForMs).toBeGreaterThan(29_000);
  broken = false;
  expect((await own.admin('DELETE', '/breakers/a')).json).toMatchObject({ name: 'a', state: 'closed', openForMs: 0 });
  expect((await own.complete()).status).toBe(200);
  expect((await own.admin('GET', '/breakers')).json.breakers[0].state).toBe('closed');
  const metrics = await own.gateway.metrics.registry.metrics();
  expect(metrics).toContain('gateway_breaker_changes_total{upstream="a",to="closed"} 1');
  expect((await own.admin('DELETE', '/breakers/nobody')).json.error).toMatchObject({ code: 'unknown_upstream' });
  expect(own.changes.map(({ method, path, status }) => `${method} ${path} ${status}`)).toEqual([
    'DELETE /breakers/a 200',
    'DELETE /breakers/nobody 404',
  ]);
});

test('shows how many requests wait at each level, and for how long', async () => {
  await using own = await gatewayWithAdmin({ upstreams: UPSTREAMS, admission: { capacity: 1 } }, () => 'hang');
  void own.complete({ 'x-priority': '1' }).catch(() => {});
  await own.clock.advance(10);
  void own.complete({ 'x-priority': '2' }).catch(() => {});
  await own.clock.advance(300);
  void own.complete({ 'x-priority': '2' }).catch(() => {});
  await own.clock.advance(100);
  const { admission, queue, bulkhead } = (await own.admin('GET', '/queues')).json;
  expect([queue, bulkhead, admission.limit]).toEqual([null, null, 1]);
  const brief = (level: number) => {
    const { name, inUse, waiting, oldestWaitMs } = admission.levels[level];
    return { name, inUse, waiting, oldestWaitMs };
  };
  expect(brief(1)).toEqual({ name: 'interactive', inUse: 1, waiting: 0, oldestWaitMs: 0 });
  expect(brief(2)).toEqual({ name: 'normal', inUse: 0, waiting: 2, oldestWaitMs: 400 });
});

test('changes the weight of an upstream where the policy has weights', async () => {
  const picked: string[] = [];
  const config = { upstreams: ['a', 'b'].map(name => ({ name, url: `http://${name}` })), retries: 0 };
  await using own = await gatewayWithAdmin({ ...config, balancer: { policy: 'weighted', weights: { a: 2 } } }, url => {
    picked.push(url.slice(-1));
    return 200;
  });
  const { upstreams } = (await own.admin('GET', '/upstreams')).json;
  expect(upstreams.map(({ weight }: { weight: number }) => weight)).toEqual([2, 1]);
  for (let nth = 0; nth < 6; nth += 1) await own.complete();
  expect(picked.splice(0).filter(name => name === 'b')).toHaveLength(2);
  expect((await own.admin('PUT', '/upstreams/b', { weight: 4 })).json.weight).toBe(4);
  for (let nth = 0; nth < 6; nth += 1) await own.complete();
  expect(picked.filter(name => name === 'b')).toHaveLength(4);
  for (const weight of [0, -1, 1.5, 1001, '2', null])
    expect((await own.admin('PUT', '/upstreams/b', { weight })).json.error).toMatchObject({ param: 'weight' });
  expect((await own.admin('GET', '/upstreams/b')).json.weight).toBe(4);
  await using other = await gatewayWithAdmin(config);
  expect((await other.admin('PUT', '/upstreams/a', { weight: 2 })).json.error.code).toBe('no_weights');
});

test('drains a gateway, and takes that back', async () => {
  await using own = await gatewayWithAdmin({ upstreams: UPSTREAMS });
  expect((await own.admin('GET', '/drain')).json.draining).toBe(false);
  expect((await own.admin('PUT', '/drain')).json.draining).toBe(true);
  expect((await own.send('/readyz')).status).toBe(503);
  // What comes all the same is served.
  expect((await own.complete()).status).toBe(200);
  expect((await own.admin('DELETE', '/drain')).json.draining).toBe(false);
  expect((await own.send('/readyz')).status).toBe(200);
  own.gateway.drain();
  expect((await own.admin('DELETE', '/drain')).json.error.code).toBe('stopping');
  expect((await own.send('/readyz')).status).toBe(503);
});

test('shows the configuration without any of its secrets', () => {
  const hash = 'ab'.repeat(32);
  const redis = { url: 'redis://squall:s3cret@127.0.0.1:6379' };
  const config = parseGatewayConfig(
    JSON.stringify({
      ...{ upstreams: UPSTREAMS, apiKeyHashes: [hash], limits: { redis, perKey: { perMinute: 5 } } },
      ...{ identity: { redis, clients: { alice: { sha256: hash } } }, cache: { redis } },
      ...{
        admission: { keys: [{ sha256: hash, best: 'urgent' }] },
        discovery: { url: 'http://u:s3cret@127.0.0.1:8500' },
      },
    }),
  );
  const text = JSON.stringify(summaryOf(config));
  expect(JSON.stringify(config)).toContain('s3cret');
  expect(text).not.toMatch(/s3cret|abab/);
  const shown = JSON.parse(text);
  expect(shown.apiKeyHashes).toBe('1 hidden');
  expect(shown.upstreams[0]).toEqual({ name: 'a', url: 'http://a:8000/base' });
  expect(shown.identity.clients.alice.sha256).toBe('hidden');
  expect(shown.admission.keys[0].best).toBe('urgent');
  expect(shown.limits.redis.url).toBe('redis://127.0.0.1:6379');
  expect(shown.timeouts).toEqual(config.timeouts);
});

test.each([
  ['no token', '/upstreams', {}, 401, 'invalid_admin_token'],
  ['no such path', '/nothing', { headers: { authorization: `Bearer ${TOKEN}` } }, 404, 'not_found'],
  [
    'another method',
    '/drain',
    { method: 'POST', headers: { authorization: `Bearer ${TOKEN}` } },
    405,
    'method_not_allowed',
  ],
  [
    'no JSON',
    '/drain',
    { method: 'PUT', body: 'x', headers: { authorization: `Bearer ${TOKEN}` } },
    400,
    'invalid_json',
  ],
  [
    'a list',
    '/drain',
    { method: 'PUT', body: '[]', headers: { authorization: `Bearer ${TOKEN}` } },
    400,
    'invalid_json',
  ],
  [
    'a long body',
    '/drain',
    { method: 'PUT', body: 'x'.repeat(20_000), headers: { authorization: `Bearer ${TOKEN}` } },
    413,
    'body_too_large',
  ],
  ['a broken escape', '/upstreams/%zz', { headers: { authorization: `Bearer ${TOKEN}` } }, 400, 'bad_request_target'],
])('refuses %s', async (_, path, sent, status, code) => {
  await using own = await gatewayWithAdmin({ upstreams: UPSTREAMS });
  const reply = await sendTo(own.adminServer, path, sent);
  expect({ status: reply.status, code: JSON.parse(reply.text).error.code }).toEqual({ status, code });
  expect((await own.admin('GET', '/drain')).json.draining).toBe(false);
});
