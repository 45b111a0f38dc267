import { afterEach, expect, test } from 'vitest';
import type { GatewayConfigInput } from '../../../../stack/gateway/config.ts';
import { HeldUpstreams } from '../fixtures/held-upstreams.ts';

const THREE = ['one', 'two', 'three'].map(name => ({ name, url: `http://${name}` }));
let held: HeldUpstreams;
afterEach(() => held[Symbol.asyncDispose]());

function start(balancer: GatewayConfigInput['balancer'], upstreams = THREE): void {
  held = new HeldUpstreams({ upstreams, balancer });
}

/** Sends a request; the upstream that got it. */
async function sent(id: string, headers: Readonly<Record<string, string>> = {}): Promise<string | undefined> {
  held.client(id, headers);
  await held.advance(0);
  return held.hosts.get(id);
}

const engine = (waiting: number, running: number) =>
  `vllm:num_requests_waiting{engine="0"} ${waiting}\nvllm:num_requests_running{engine="0"} ${running}\nvllm:kv_cache_usage_perc 0.5\n`;

test('a session stays at its upstream, and is told apart by its header', async () => {
  start({ policy: 'session-hash', header: 'x-session-id' });
  const hosts = new Map<string, Set<string | undefined>>();
  for (const session of ['a', 'b', 'c', 'd', 'e', 'f']) {
    const seen = [`${session}1`, `${session}2`].map(id => sent(id, { 'x-session-id': session }));
    hosts.set(session, new Set(await Promise.all(seen)));
  }
  expect([...hosts.values()].every(seen => seen.size === 1)).toBe(true);
  expect(new Set([...hosts.values()].flatMap(seen => [...seen])).size).toBeGreaterThan(1);
  await sent('without');
  expect(await held.metric('gateway_balancer_picks_total{reason="preferred"}')).toBe(12);
  expect(await held.metric('gateway_balancer_picks_total{reason="no-key"}')).toBe(1);
});

test('weights are those of the configuration', async () => {
  start({ policy: 'weighted', weights: { one: 4 } });
  const hosts = [];
  for (let each = 0; each < 12; each += 1) hosts.push(await sent(`${each}`));
  expect(hosts.filter(host => host === 'one')).toHaveLength(8);
  expect(hosts.filter(host => host === 'two')).toHaveLength(2);
});

test('queues are read from the upstreams, which show what others send; once that is too old, connections decide', async () => {
  start({ policy: 'least-queue', pollMs: 1000, maxAgeMs: 2000 });
  for (const [host, running] of [
    ['one', 40],
    ['two', 30],
    ['three', 0],
  ] as const)
    held.metricsOf.set(host, engine(0, running));
  await held.advance(1200);
  expect([await sent('a'), await sent('b'), await sent('c')]).toEqual(['three', 'three', 'three']);
  expect(await held.metric('gateway_balancer_picks_total{reason="reported"}')).toBe(3);
  // The third says nothing more: its last report is believed for two seconds, then its connections count.
  held.metricsOf.delete('three');
  await held.advance(3000);
  expect(await held.metric('gateway_upstream_report_age_seconds{upstream="three"}')).toBeGreaterThan(2);
  expect(await held.metric('gateway_upstream_report_age_seconds{upstream="two"}')).toBeLessThan(2);
  expect(await sent('d')).toBe('two');
  expect(await held.metric('gateway_balancer_picks_total{reason="stale"}')).toBe(1);
});

test('policies that read no metrics send no requests for them', async () => {
  start('least-connections');
  await held.advance(5000);
  expect(await held.metric('gateway_balancer_picks_total{reason="reported"}')).toBeNaN();
  expect(held.hosts.size).toBe(0);
});
