import { expect, test } from 'vitest';
import type { GatewayConfigInput } from '../../../../stack/gateway/config.ts';
import { FakeClock } from '../../../fake-clock.ts';
import { until } from '../../../until.ts';
import { startInside } from '../fixtures/gateway-inside.ts';
import { chat, type GatewayProcess, metric, startGateway } from '../fixtures/gateway-process.ts';
import { fails, responds, type ScriptedUpstream, startUpstream } from '../fixtures/scripted-upstream.ts';

test('a black hole fails most requests without ejection and retries, none with them', async () => {
  // The healthy upstream takes 40 ms, the failing one fails at once: least connections prefers the failing one.
  await using failing = await startUpstream(fails(503));
  await using healthy = await startUpstream(responds('ok', 40));
  const upstreams = named(failing, healthy);
  const bare = await failures({ upstreams, healthChecks: 'off', ejection: 'off', retries: 0 });
  expect(bare).toBeGreaterThan(0.5);
  const guarded = await failures({ upstreams, healthChecks: 'off', retries: { baseDelayMs: 5 } });
  expect(guarded).toBe(0);
});

test('an ejected upstream gets no traffic and returns later', async () => {
  await using failing = await startUpstream(fails(500));
  await using healthy = await startUpstream(responds());
  const ejection = { consecutiveFailures: 3, baseMs: 600 };
  const upstreams = named(failing, healthy);
  // However long the requests take, no time passes for the gateway meanwhile.
  const clock = new FakeClock();
  await using gateway = await startInside({ upstreams, balancer: 'round-robin', retries: 0, ejection }, clock);
  for (let i = 0; i < 6; i += 1) await (await chat(gateway)).text();
  expect(failing.received).toHaveLength(3);
  expect(await metric(gateway, 'gateway_ejections_total', 'upstream="u0",reason="status"')).toBe(1);
  expect(await metric(gateway, 'gateway_upstream_state', 'upstream="u0",state="ejected"')).toBe(1);
  for (let i = 0; i < 10; i += 1) expect((await chat(gateway)).status).toBe(200);
  expect(failing.received).toHaveLength(3);
  failing.behaviour = responds();
  const serveTwo = async () => {
    for (let i = 0; i < 2; i += 1) await (await chat(gateway)).text();
    return failing.received.length;
  };
  await clock.advance(599);
  expect(await serveTwo()).toBe(3);
  // And up to 10 % of jitter.
  await clock.advance(62);
  expect(await serveTwo()).toBe(4);
});

test('health checks take a dead upstream out of rotation and bring it back', async () => {
  await using dying = await startUpstream(responds());
  await using healthy = await startUpstream(responds());
  const healthChecks = { intervalMs: 50, unhealthyAfter: 2 };
  const upstreams = named(dying, healthy);
  await using gateway = await startGateway({ upstreams, balancer: 'round-robin', healthChecks });
  const state = (name: string) => metric(gateway, 'gateway_upstream_state', `upstream="u0",state="${name}"`);
  expect(await until(async () => (await state('usable')) === 1)).toBeLessThan(3000);
  dying.ready = false;
  expect(await until(async () => (await state('unhealthy')) === 1)).toBeLessThan(3000);
  const before = dying.received.length;
  for (let i = 0; i < 6; i += 1) expect((await chat(gateway)).headers.get('x-squall-upstream')).toBe('u1');
  expect(dying.received).toHaveLength(before);
  dying.ready = true;
  expect(await until(async () => (await state('usable')) === 1)).toBeLessThan(3000);
});

test('without a healthy upstream the gateway is unready and rejects at once; with one it is ready', async () => {
  await using upstream = await startUpstream(responds());
  upstream.ready = false;
  const healthChecks = { intervalMs: 50 };
  await using gateway = await startGateway({ upstreams: named(upstream), healthChecks });
  const readiness = async () => (await fetch(`${gateway.url}/readyz`)).status;
  expect(await readiness()).toBe(503);
  const rejected = await chat(gateway);
  expect([rejected.status, rejected.headers.get('retry-after')]).toEqual([503, '1']);
  expect(await rejected.json()).toMatchObject({ error: { code: 'no_upstream' } });
  expect(upstream.received).toHaveLength(0);
  upstream.ready = true;
  expect(await until(async () => (await readiness()) === 200)).toBeLessThan(3000);
  expect((await chat(gateway)).status).toBe(200);
});

function named(...upstreams: ScriptedUpstream[]): GatewayConfigInput['upstreams'] {
  return upstreams.map(({ url }, index) => ({ name: `u${index}`, url }));
}

/** Ratio of 100 requests, ten at a time, that did not get a 200. */
async function failures(config: GatewayConfigInput): Promise<number> {
  await using gateway: GatewayProcess = await startGateway(config);
  let failed = 0;
  const worker = async () => {
    for (let i = 0; i < 10; i += 1) {
      const response = await chat(gateway);
      await response.text();
      if (response.status !== 200) failed += 1;
    }
  };
  await Promise.all(Array.from({ length: 10 }, worker));
  return failed / 100;
}
