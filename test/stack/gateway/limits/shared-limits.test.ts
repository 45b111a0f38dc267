import { hash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { connectToxiproxy } from '../../../../faults/toxiproxy/client.ts';
import { systemClock } from '../../../../harness/clock.ts';
import type { GatewayConfigInput } from '../../../../stack/gateway/config.ts';
import { freePort, startServer } from '../../../faults/toxiproxy/servers.ts';
import { until } from '../../../until.ts';
import { type GatewayProcess, metric, startGateway } from '../fixtures/gateway-process.ts';
import { responds, startUpstream } from '../fixtures/scripted-upstream.ts';
import { noRedis, startRedis } from './redis-server.ts';
import { between, chatAs, count, probeHealth, quantileMs, steadyLoad } from './steady-load.ts';

type Limits = Exclude<NonNullable<GatewayConfigInput['limits']>, 'off'>;

const perKey = { perMinute: 1200, burst: 10 };
const RATE = 20;

/** Starts two gateways in front of one upstream; with Redis, resolves once their limits are shared. */
async function twoGateways(limits: Limits) {
  const stack = new AsyncDisposableStack();
  const upstream = stack.use(await startUpstream(responds()));
  const config = {
    upstreams: [{ name: 'one', url: upstream.url }],
    apiKeyHashes: [hash('sha256', 'greedy'), hash('sha256', 'polite')],
    healthChecks: 'off',
    limits: { global: 'off', perKey, replicas: 2, ...limits },
  } as const satisfies GatewayConfigInput;
  const gateways = [stack.use(await startGateway(config)), stack.use(await startGateway(config))];
  if (limits.redis) await shared(gateways);
  return { gateways, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const up = (gateway: GatewayProcess) => metric(gateway, 'gateway_limits_redis_up');

/** Waits until every gateway uses Redis. Returns how long that took, in ms. */
async function shared(gateways: readonly GatewayProcess[]): Promise<number> {
  const tookMs = await until(async () => (await Promise.all(gateways.map(up))).every(value => value === 1), 5000);
  expect(tookMs).toBeLessThan(5000);
  return tookMs;
}

/** Ratio of passed to allowed requests for 60/s over both gateways in 2 s; the limit is 20/s with a burst of 10. */
async function passedRatio(limits: Limits): Promise<number> {
  await using two = await twoGateways(limits);
  const startMs = systemClock.nowMs();
  const load = steadyLoad(two.gateways, 60, chatAs('greedy'));
  await sleep(2000);
  const passed = count(await load.stop(), 200);
  return passed / (10 + (RATE * (systemClock.nowMs() - startMs)) / 1000);
}

/** Number of rate limit checks in Redis by all gateways so far. */
async function redisChecks(gateways: readonly GatewayProcess[]): Promise<number> {
  const counts = await Promise.all(gateways.map(gateway => metric(gateway, 'gateway_limits_redis_seconds_count')));
  return counts.reduce((sum, value) => sum + value, 0);
}

describe.skipIf(Boolean(noRedis))(`rate limits of two gateways${noRedis ? ` (${noRedis})` : ''}`, () => {
  test('hold across both when shared, and only then', async () => {
    await using redis = await startRedis();
    // A bucket never passes more than it allows; a pause of the machine longer than its burst can cost some.
    const sharing = await passedRatio({ redis: { url: redis.urlAt(redis.address) } });
    expect(sharing).toBeLessThan(1.05);
    expect(sharing).toBeGreaterThan(0.7);
    // Each with half of the limit: the same sum.
    const divided = await passedRatio({});
    expect(divided).toBeLessThan(1.05);
    expect(divided).toBeGreaterThan(0.7);
    // Counter-check: each with the whole limit passes twice as many.
    expect(await passedRatio({ replicas: 1 })).toBeGreaterThan(1.4);
  });

  test('Redis killed under load: no request fails or is delayed, limits hold, and sharing resumes', async () => {
    await using redis = await startRedis();
    await using two = await twoGateways({ redis: { url: redis.urlAt(redis.address) } });
    const { gateways } = two;
    const greedy = steadyLoad(gateways, 60, chatAs('greedy'));
    const polite = steadyLoad(gateways, 10, chatAs('polite'));
    const unlimited = steadyLoad(gateways, 30, probeHealth);
    await sleep(2000);
    const checksBefore = await redisChecks(gateways);
    const killedMs = systemClock.nowMs();
    await redis.kill();
    await sleep(2000);
    const checksDuring = (await redisChecks(gateways)) - checksBefore;
    expect(await Promise.all(gateways.map(up))).toEqual([0, 0]);
    const restartedMs = systemClock.nowMs();
    await redis.restart();
    await shared(gateways);
    // Probes and reconnects every 100 ms; two probes must succeed.
    expect(systemClock.nowMs() - restartedMs).toBeLessThan(2000);
    const backMs = systemClock.nowMs();
    await sleep(1500);
    const [all, fine, control] = [await greedy.stop(), await polite.stop(), await unlimited.stop()];

    expect(new Set(all.map(({ status }) => status))).toEqual(new Set([200, 429]));
    expect(new Set(fine.map(({ status }) => status))).toEqual(new Set([200]));
    const before = between([...all, ...fine], 0, killedMs);
    const during = between([...all, ...fine], killedMs, restartedMs);
    expect(during.length).toBeGreaterThan(100);
    // Requests in flight at the kill wait for at most 70 ms; the other 130 of 140 are not sent to Redis at all.
    expect(checksDuring).toBeLessThan(0.2 * during.length);
    const machineMs = quantileMs(between(control, killedMs, restartedMs), 1);
    expect(quantileMs(during, 0.99)).toBeLessThan(Math.max(quantileMs(before, 0.99), machineMs) + 100);
    // Without Redis each gateway passes its 10/s. Local buckets were kept up to date, so there is no second burst of 10; after its
    // restart Redis is empty, so there is one.
    const passedDuring = count(between(all, killedMs, restartedMs), 200);
    const duringS = (restartedMs - killedMs) / 1000;
    expect(passedDuring).toBeGreaterThan(0.6 * RATE * duringS);
    expect(passedDuring).toBeLessThan(1.3 * RATE * duringS + 4);
    const afterS = (systemClock.nowMs() - backMs) / 1000;
    expect(count(between(all, backMs, Number.POSITIVE_INFINITY), 200)).toBeLessThan(1.3 * RATE * afterS + 14);
    for (const gateway of gateways) {
      expect(await metric(gateway, 'gateway_limits_fallbacks_total', 'reason="down"')).toBeGreaterThan(20);
      expect(await metric(gateway, 'gateway_limits_limited_total', 'scope="key",source="local"')).toBeGreaterThan(10);
      expect(gateway.log.map(({ msg }) => msg)).toEqual(
        expect.arrayContaining(['shared rate limits down', 'shared rate limits up']),
      );
      expect(JSON.stringify(gateway.log)).not.toContain('secret-of-a-test');
    }
  });

  test('limits that fail closed reject with 503 while Redis is down', async () => {
    await using redis = await startRedis();
    await using two = await twoGateways({ redis: { url: redis.urlAt(redis.address) }, onOutage: 'fail' });
    await redis.kill();
    expect(await until(async () => (await Promise.all(two.gateways.map(up))).every(value => value === 0))).toBeLessThan(
      3000,
    );
    const load = steadyLoad(two.gateways, 40, chatAs('polite'));
    await sleep(500);
    expect(new Set((await load.stop()).map(({ status }) => status))).toEqual(new Set([503]));
  });

  test.each(['slow', 'hung'])(
    'Redis %s: requests do not wait for it, and it is used again once it is fast',
    async how => {
      await using redis = await startRedis();
      await using proxies = await startServer({ env: { SQUALL_TOXIPROXY: 'embedded' } });
      const toxiproxy = connectToxiproxy({ apiUrl: proxies.apiUrl });
      const { listen } = await toxiproxy.createProxy({
        name: 'redis',
        listen: `127.0.0.1:${await freePort()}`,
        upstream: redis.address,
      });
      const begin = async () => {
        if (how === 'hung') redis.signal('SIGSTOP');
        else
          await toxiproxy.addToxic('redis', {
            kind: 'latency',
            name: 'slow',
            stream: 'downstream',
            latencyMs: 500,
            jitterMs: 0,
          });
      };
      const end = async () => {
        if (how === 'hung') redis.signal('SIGCONT');
        else await toxiproxy.removeToxic('redis', 'slow');
      };
      const url = redis.urlAt(listen);
      const wide = { perMinute: 60_000, burst: 1000 };
      {
        await using two = await twoGateways({ redis: { url }, perKey: wide });
        const load = steadyLoad(two.gateways, 80, chatAs('polite'));
        const unlimited = steadyLoad(two.gateways, 30, probeHealth);
        await sleep(700);
        const checksBefore = await redisChecks(two.gateways);
        const fromMs = systemClock.nowMs();
        await begin();
        await sleep(2500);
        const toMs = systemClock.nowMs();
        const checksDuring = (await redisChecks(two.gateways)) - checksBefore;
        expect(await Promise.all(two.gateways.map(up))).toEqual([0, 0]);
        await end();
        await shared(two.gateways);
        const sent = await load.stop();
        expect(new Set(sent.map(({ status }) => status))).toEqual(new Set([200]));
        const during = between(sent, fromMs, toMs);
        // The first three of each gateway wait 50 to 70 ms, and so do those that arrive meanwhile: about ten of 200. The rest skip Redis.
        expect(checksDuring).toBeLessThan(0.25 * during.length);
        const machineMs = quantileMs(between(await unlimited.stop(), fromMs, toMs), 1);
        expect(quantileMs(during, 1)).toBeLessThan(machineMs + 300);
        for (const gateway of two.gateways)
          expect(await metric(gateway, 'gateway_limits_fallbacks_total', 'reason="timeout"')).toBeGreaterThanOrEqual(3);
      }
      // Counter-check: a gateway with a long timeout passes the delay on.
      await using patient = await twoGateways({ redis: { url, timeoutMs: 60_000 }, perKey: wide });
      await begin();
      const load = steadyLoad(patient.gateways, 20, chatAs('polite'));
      await sleep(600);
      await end();
      // The first requests waited until the fault ended after 600 ms, or for the latency of 500 ms.
      expect(Math.max(...(await load.stop()).map(({ tookMs }) => tookMs))).toBeGreaterThan(450);
    },
  );
});
