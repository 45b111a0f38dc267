import { expect, test } from 'vitest';
import type { GatewayConfigInput } from '../../../../stack/gateway/config.ts';
import { until } from '../../../until.ts';
import { chat, type GatewayProcess, metric, startGateway } from '../fixtures/gateway-process.ts';
import { answers, fails, type ScriptedUpstream, startUpstream } from '../fixtures/scripted-upstream.ts';

test('a black hole swallows most requests without defences, none with ejection and retries', async () => {
  // The sound upstream needs 40 ms, the failing one nothing: least connections prefers whoever fails.
  await using failing = await startUpstream(fails(503));
  await using sound = await startUpstream(answers('ok', 40));
  const upstreams = named(failing, sound);
  const bare = await failures({ upstreams, healthChecks: 'off', ejection: 'off', retries: 0 });
  expect(bare).toBeGreaterThan(0.5);
  const defended = await failures({ upstreams, healthChecks: 'off', retries: { baseMs: 5 } });
  expect(defended).toBe(0);
});

test('an ejected upstream gets nothing, and comes back', async () => {
  await using failing = await startUpstream(fails(500));
  await using sound = await startUpstream(answers());
  const ejection = { consecutiveFailures: 3, baseMs: 600 };
  const upstreams = named(failing, sound);
  await using gateway = await startGateway({ upstreams, balancer: 'round-robin', healthChecks: 'off', ejection });
  for (let i = 0; i < 6; i += 1) await (await chat(gateway)).text();
  expect(failing.received).toHaveLength(3);
  expect(await metric(gateway, 'gateway_ejections_total', 'upstream="u0"')).toBe(1);
  expect(await metric(gateway, 'gateway_upstream_state', 'upstream="u0",state="ejected"')).toBe(1);
  for (let i = 0; i < 10; i += 1) expect((await chat(gateway)).status).toBe(200);
  expect(failing.received).toHaveLength(3);
  failing.behaviour = answers();
  const served = async () => {
    await (await chat(gateway)).text();
    return failing.received.length > 3;
  };
  expect(await until(served)).toBeLessThan(3000);
});

test('health checks take a dead upstream out and bring it back', async () => {
  await using dying = await startUpstream(answers());
  await using sound = await startUpstream(answers());
  const healthChecks = { intervalMs: 50, unhealthyAfter: 2 };
  const upstreams = named(dying, sound);
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

test('with nobody healthy it is unready and refuses at once; with somebody it is ready', async () => {
  await using upstream = await startUpstream(answers());
  upstream.ready = false;
  const healthChecks = { intervalMs: 50 };
  await using gateway = await startGateway({ upstreams: named(upstream), healthChecks });
  const readiness = async () => (await fetch(`${gateway.url}/readyz`)).status;
  expect(await readiness()).toBe(503);
  const refused = await chat(gateway);
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
  expect(await refused.json()).toMatchObject({ error: { code: 'no_upstream' } });
  expect(upstream.received).toHaveLength(0);
  upstream.ready = true;
  expect(await until(async () => (await readiness()) === 200)).toBeLessThan(3000);
  expect((await chat(gateway)).status).toBe(200);
});

function named(...upstreams: ScriptedUpstream[]): GatewayConfigInput['upstreams'] {
  return upstreams.map(({ url }, index) => ({ name: `u${index}`, url }));
}

/** Share of 100 requests, ten at a time, that did not get a 200. */
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
