import { hash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { connectToxiproxy } from '../../../../faults/toxiproxy/client.ts';
import { systemClock } from '../../../../harness/clock.ts';
import type { GatewayConfigInput } from '../../../../stack/gateway/config.ts';
import { freePort, startServer } from '../../../faults/toxiproxy/servers.ts';
import { until } from '../../../until.ts';
import { type GatewayProcess, metric, startGateway } from '../fixtures/gateway-process.ts';
import { answers, startUpstream } from '../fixtures/scripted-upstream.ts';
import { noRedis, startRedis } from './redis-server.ts';
import { askHealth, between, chatAs, count, quantileMs, steadyLoad } from './steady-load.ts';

type Limits = Exclude<NonNullable<GatewayConfigInput['limits']>, 'off'>;

const perKey = { perMinute: 1200, burst: 10 };
const RATE = 20;

/** Two gateways in front of one upstream; ready when their limits are shared, if they are to be. */
async function twoGateways(limits: Limits) {
  const stack = new AsyncDisposableStack();
  const upstream = stack.use(await startUpstream(answers()));
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

/** Waits until every gateway judges with Redis; tells how long that took in ms. */
async function shared(gateways: readonly GatewayProcess[]): Promise<number> {
  const tookMs = await until(async () => (await Promise.all(gateways.map(up))).every(value => value === 1), 5000);
  expect(tookMs).toBeLessThan(5000);
  return tookMs;
}

/** The share of what one limit allows that passes when 60/s come for 2 s over both gateways: 20/s and a burst of 10. */
async function passedRatio(limits: Limits): Promise<number> {
  await using two = await twoGateways(limits);
  const startMs = systemClock.nowMs();
  const load = steadyLoad(two.gateways, 60, chatAs('greedy'));
  await sleep(2000);
  const passed = count(await load.stop(), 200);
  return passed / (10 + (RATE * (systemClock.nowMs() - startMs)) / 1000);
}

/** How many requests of all gateways asked Redis so far, answered or not. */
async function asked(gateways: readonly GatewayProcess[]): Promise<number> {
  const counts = await Promise.all(gateways.map(gateway => metric(gateway, 'gateway_limits_redis_seconds_count')));
  return counts.reduce((sum, value) => sum + value, 0);
}

describe.skipIf(Boolean(noRedis))(`limits of two gateways${noRedis ? ` (${noRedis})` : ''}`, () => {
  test('hold for both together when they share them, and only then', async () => {
    await using redis = await startRedis();
    // A bucket never lets more pass than it allows, whatever the machine does; a pause longer than its burst costs some.
    const sharing = await passedRatio({ redis: { url: redis.urlAt(redis.address) } });
    expect(sharing).toBeLessThan(1.05);
    expect(sharing).toBeGreaterThan(0.7);
    // Each by itself with its share: the same sum.
    const shares = await passedRatio({});
    expect(shares).toBeLessThan(1.05);
    expect(shares).toBeGreaterThan(0.7);
    // The counterpart: each by itself with the whole limit lets twice as many pass.
    expect(await passedRatio({ replicas: 1 })).toBeGreaterThan(1.4);
  });

  test('Redis killed under load: no request fails or waits, limits keep holding, sharing comes back', async () => {
    await using redis = await startRedis();
    await using two = await twoGateways({ redis: { url: redis.urlAt(redis.address) } });
    const { gateways } = two;
    const greedy = steadyLoad(gateways, 60, chatAs('greedy'));
    const polite = steadyLoad(gateways, 10, chatAs('polite'));
    const unlimited = steadyLoad(gateways, 30, askHealth);
    await sleep(2000);
    const askedBefore = await asked(gateways);
    const killedMs = systemClock.nowMs();
    await redis.kill();
    await sleep(2000);
    const askedDuring = (await asked(gateways)) - askedBefore;
    expect(await Promise.all(gateways.map(up))).toEqual([0, 0]);
    const restartedMs = systemClock.nowMs();
    await redis.restart();
    await shared(gateways);
    // A probe each 100 ms, two must be answered; a reconnect each 100 ms.
    expect(systemClock.nowMs() - restartedMs).toBeLessThan(2000);
    const backMs = systemClock.nowMs();
    await sleep(1500);
    const [all, fine, control] = [await greedy.stop(), await polite.stop(), await unlimited.stop()];

    expect(new Set(all.map(({ status }) => status))).toEqual(new Set([200, 429]));
    expect(new Set(fine.map(({ status }) => status))).toEqual(new Set([200]));
    const before = between([...all, ...fine], 0, killedMs);
    const during = between([...all, ...fine], killedMs, restartedMs);
    expect(during.length).toBeGreaterThan(100);
    // Those in flight at the kill may wait for an answer, 70 ms at most; the other 130 of 140 are not even sent to Redis.
    expect(askedDuring).toBeLessThan(0.2 * during.length);
    const machineMs = quantileMs(between(control, killedMs, restartedMs), 1);
    expect(quantileMs(during, 0.99)).toBeLessThan(Math.max(quantileMs(before, 0.99), machineMs) + 100);
    // Without Redis each gateway lets its 10/s pass. Their own buckets ran along, so there is no second burst of 10; after the
    // restart Redis has forgotten, and there is one.
    const passedDuring = count(between(all, killedMs, restartedMs), 200);
    const duringS = (restartedMs - killedMs) / 1000;
    expect(passedDuring).toBeGreaterThan(0.6 * RATE * duringS);
    expect(passedDuring).toBeLessThan(1.3 * RATE * duringS + 4);
    const afterS = (systemClock.nowMs() - backMs) / 1000;
    expect(count(between(all, backMs, Number.POSITIVE_INFINITY), 200)).toBeLessThan(1.3 * RATE * afterS + 14);
    for (const gateway of gateways) {
      expect(await metric(gateway, 'gateway_limits_fallbacks_total', 'reason="away"')).toBeGreaterThan(20);
      expect(await metric(gateway, 'gateway_limits_limited_total', 'scope="key",source="local"')).toBeGreaterThan(10);
      expect(gateway.log.map(({ msg }) => msg)).toEqual(
        expect.arrayContaining(['shared limits away', 'shared limits back']),
      );
      expect(JSON.stringify(gateway.log)).not.toContain('secret-of-a-test');
    }
  });

  test('limits that fail closed refuse with 503 while Redis is away', async () => {
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

  test.each(['slow', 'hung'])('Redis %s: nobody waits for it, and it is used again when it is quick', async how => {
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
      const unlimited = steadyLoad(two.gateways, 30, askHealth);
      await sleep(700);
      const askedBefore = await asked(two.gateways);
      const fromMs = systemClock.nowMs();
      await begin();
      await sleep(2500);
      const toMs = systemClock.nowMs();
      const askedDuring = (await asked(two.gateways)) - askedBefore;
      expect(await Promise.all(two.gateways.map(up))).toEqual([0, 0]);
      await end();
      await shared(two.gateways);
      const sent = await load.stop();
      expect(new Set(sent.map(({ status }) => status))).toEqual(new Set([200]));
      const during = between(sent, fromMs, toMs);
      // The first three of each gateway wait 50 to 70 ms, with whatever came meanwhile: some ten of 200. The rest does not ask.
      expect(askedDuring).toBeLessThan(0.25 * during.length);
      const machineMs = quantileMs(between(await unlimited.stop(), fromMs, toMs), 1);
      expect(quantileMs(during, 1)).toBeLessThan(machineMs + 300);
      for (const gateway of two.gateways)
        expect(await metric(gateway, 'gateway_limits_fallbacks_total', 'reason="timeout"')).toBeGreaterThanOrEqual(3);
    }
    // The counterpart: a gateway that waits as long as it takes hands the delay on.
    await using patient = await twoGateways({ redis: { url, timeoutMs: 60_000 }, perKey: wide });
    await begin();
    const load = steadyLoad(patient.gateways, 20, chatAs('polite'));
    await sleep(600);
    await end();
    // The first ones waited for an answer until the end of it, 600 ms, or of the 500 ms.
    expect(Math.max(...(await load.stop()).map(({ tookMs }) => tookMs))).toBeGreaterThan(450);
  });
});
