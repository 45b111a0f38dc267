import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { thisMachine } from '../../../../harness/host/network.ts';
import { connectControl } from '../../../../stack/control/client.ts';
import type { GatewayConfigInput } from '../../../../stack/gateway/config.ts';
import { until } from '../../../until.ts';
import { type ControlProcess, send, startControl, TOKEN } from '../../control/fixtures/control-process.ts';
import { chat, type GatewayProcess, metric, startGateway } from '../fixtures/gateway-process.ts';
import { responds, type ScriptedUpstream, startUpstream, streams } from '../fixtures/scripted-upstream.ts';

const never = new AbortController().signal;
let control: ControlProcess;

beforeEach(async () => {
  control = await startControl();
});
afterEach(() => control.kill());

const register = (id: string, { url }: ScriptedUpstream, ttlMs = 60_000) =>
  connectControl(control.url, thisMachine, TOKEN).register(
    { id, service: 'inference', address: new URL(url).host, ttlMs },
    never,
  );
const discovering = (discovery: object = {}): Promise<GatewayProcess> => {
  const config = { url: control.url, waitMs: 2000, minIntervalMs: 10, backoff: { baseDelayMs: 50 }, ...discovery };
  const healthChecks = { intervalMs: 50, unhealthyAfter: 2 };
  return startGateway({
    upstreams: [],
    discovery: config,
    healthChecks,
    balancer: 'round-robin',
  } satisfies GatewayConfigInput);
};
const usable = (gateway: GatewayProcess, name: string) =>
  metric(gateway, 'gateway_upstream_state', `upstream="${name}",state="usable"`);
const usesAll = (gateway: GatewayProcess, ...names: string[]) =>
  until(async () => (await Promise.all(names.map(name => usable(gateway, name)))).every(value => value === 1), 5000);

/** Sends requests, four at a time, until `stop` settles. Returns how many were sent and failed. */
async function load(gateway: GatewayProcess, stop: Promise<unknown>): Promise<{ sent: number; failed: number }> {
  const counts = { sent: 0, failed: 0 };
  let isOver = false;
  void stop.finally(() => {
    isOver = true;
  });
  const worker = async () => {
    while (!isOver) {
      const response = await chat(gateway);
      await response.text();
      counts.sent += 1;
      if (response.status !== 200) counts.failed += 1;
      await new Promise(resolve => setTimeout(resolve, 2));
    }
  };
  await Promise.all(Array.from({ length: 4 }, worker));
  return counts;
}

test('a registered replica gets traffic; after it deregisters and shuts down it gets none, and its open stream completes', async () => {
  await using one = await startUpstream(responds());
  await using two = await startUpstream(streams(['a', 'b', 'c', 'd', 'e', 'f'], 150));
  await register('one', one);
  await using gateway = await discovering();
  expect(await usesAll(gateway, 'one')).toBeLessThan(5000);
  await register('two', two);
  expect(await usesAll(gateway, 'one', 'two')).toBeLessThan(5000);
  expect(two.received).toHaveLength(0);
  const streamed = [await chat(gateway, { stream: true }), await chat(gateway, { stream: true })];
  expect(two.received, 'round robin: one of two').toHaveLength(1);
  await connectControl(control.url, thisMachine, TOKEN).deregister('two', never);
  two.ready = false;
  const isGone = async () =>
    !(await (await fetch(`${gateway.url}/metrics`)).text()).includes('upstream_state{upstream="two"');
  expect(await until(isGone)).toBeLessThan(700);
  expect(two.openRequests(), 'its stream is still open').toBe(1);
  const texts = await Promise.all(streamed.map(response => response.text()));
  expect(texts.filter(text => text.includes('"f"') && text.includes('[DONE]'))).toHaveLength(1);
  for (let i = 0; i < 4; i += 1) expect((await chat(gateway)).headers.get('x-squall-upstream')).toBe('one');
});

describe('with the control service killed under load', () => {
  const outage = async (keepLastGood: boolean) => {
    await using one = await startUpstream(responds());
    await using two = await startUpstream(responds());
    await register('one', one);
    await register('two', two);
    await using gateway = await discovering({ keepLastGood });
    expect(await usesAll(gateway, 'one', 'two')).toBeLessThan(5000);
    const scenario = async () => {
      await new Promise(resolve => setTimeout(resolve, 200));
      await control.kill();
      expect(await until(async () => (await metric(gateway, 'gateway_discovery_stale')) === 1)).toBeLessThan(3000);
      await new Promise(resolve => setTimeout(resolve, 300));
      // It restarts with an empty registry.
      control = await startControl({}, control.port);
      const empty = () => metric(gateway, 'gateway_discovery_queries_total', 'result="empty"');
      expect(await until(async () => (await empty()) > 0, 8000)).toBeLessThan(8000);
    };
    const counts = await load(gateway, scenario());
    await register('one', one);
    await register('two', two);
    expect(await until(async () => (await metric(gateway, 'gateway_discovery_stale')) === 0)).toBeLessThan(3000);
    expect(await usesAll(gateway, 'one', 'two')).toBeLessThan(5000);
    const kept = gateway.log.find(line => line.kept !== undefined)?.kept;
    return { ...counts, kept };
  };

  test('no request fails, and the log reports how many upstreams are kept', async () => {
    const { sent, failed, kept } = await outage(true);
    expect(sent).toBeGreaterThan(50);
    expect([failed, kept]).toEqual([0, 2]);
  });

  test('a gateway that does not keep its upstreams fails most requests during the outage', async () => {
    const { sent, failed } = await outage(false);
    expect(failed / sent).toBeGreaterThan(0.2);
  });
});

test('a dead replica is removed by its health check, and no request fails meanwhile', async () => {
  await using healthy = await startUpstream(responds());
  const dying = await startUpstream(responds());
  await register('healthy', healthy);
  await register('dying', dying, 300);
  const heart = setInterval(() => void connectControl(control.url, thisMachine, TOKEN).heartbeat('dying', never), 80);
  await using gateway = await discovering();
  expect(await usesAll(gateway, 'healthy', 'dying')).toBeLessThan(5000);
  const scenario = async () => {
    clearInterval(heart);
    await dying[Symbol.asyncDispose]();
    const removed = () => metric(gateway, 'gateway_upstream_changes_total', 'change="removed"');
    expect(await until(async () => (await removed()) === 1, 5000)).toBeLessThan(5000);
  };
  const { sent, failed } = await load(gateway, scenario());
  expect(sent).toBeGreaterThan(9);
  expect(failed).toBe(0);
  expect(await (await fetch(`${gateway.url}/metrics`)).text()).not.toContain('upstream_state{upstream="dying"');
});

test('a flapping registry entry changes nothing while its replica is healthy', async () => {
  await using steady = await startUpstream(responds());
  await using flapping = await startUpstream(responds());
  await register('steady', steady);
  await register('flapping', flapping);
  await using gateway = await discovering();
  expect(await usesAll(gateway, 'steady', 'flapping')).toBeLessThan(5000);
  const scenario = async () => {
    for (let i = 0; i < 10; i += 1) {
      const to = i % 2 === 0 ? 'fail' : 'pass';
      await send(`${control.url}/v1/agent/check/${to}/service:flapping`, 'PUT');
      await new Promise(resolve => setTimeout(resolve, 60));
      expect(await usable(gateway, 'flapping')).toBe(1);
    }
  };
  const { failed } = await load(gateway, scenario());
  expect(failed).toBe(0);
  const changes = (change: string) => metric(gateway, 'gateway_upstream_changes_total', `change="${change}"`);
  expect(await changes('kept'), 'the flapping was observed').toBeGreaterThan(1);
  expect([await changes('added'), await changes('removed')]).toEqual([2, 0]);
  expect(flapping.received.length / steady.received.length).toBeGreaterThan(0.9);
});
