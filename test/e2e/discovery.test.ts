import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectToxiproxy } from '../../faults/toxiproxy/client.ts';
import { findToxiproxy } from '../../faults/toxiproxy/find.ts';
import { systemClock } from '../../harness/clock.ts';
import type { Replica, RunningStack } from '../../harness/contracts.ts';
import { processPlatform } from '../../platform/process/platform.ts';
import { topologyOf } from '../../stack/topology.ts';
import { FRESH } from '../fresh.ts';
import { settled } from '../stack/settled.ts';
import { eventually } from '../until.ts';
import { temporaryFolder } from './squall.ts';

const body = JSON.stringify({
  model: 'qwen3-8b-fp8-h100',
  messages: [{ role: 'user', content: 'Tell me about squalls.' }],
  max_tokens: 2,
});

describe('the whole stack with discovery', () => {
  const folder = temporaryFolder();
  const observed: string[] = [];
  let stack: RunningStack;
  const replica = (name: string): Replica => stack.replicas.find(other => other.name === name)!;
  const links = (prefix: string) => stack.links.filter(({ name }) => name.startsWith(prefix));
  const instances = async (query = '?passing'): Promise<string[]> => {
    const response = await fetch(`${replica('control').url}/v1/health/service/inference${query}`);
    const entries = (await response.json()) as { Service: { Address: string; Port: number } }[];
    return entries.map(({ Service: { Address, Port } }) => `${Address}:${Port}`).sort();
  };
  /** Sends requests one after the other for a while; tells how many failed and who answered. */
  const chatFor = async (durationMs: number) => {
    const seen = { failed: 0, by: new Set<string | null>() };
    const endMs = performance.now() + durationMs;
    while (performance.now() < endMs) {
      const headers = { 'content-type': 'application/json', authorization: stack.authorization };
      const response = await fetch(`${stack.entries[0]}/v1/chat/completions`, { method: 'POST', headers, body });
      await response.text();
      if (response.status !== 200) seen.failed += 1;
      seen.by.add(response.headers.get('x-squall-upstream'));
    }
    return { failed: seen.failed, by: [...seen.by].sort() };
  };
  const gatewayMetric = async (name: string) => {
    const text = await (await fetch(`${replica('gateway-1').url}/metrics`)).text();
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  };

  beforeAll(async () => {
    const options = settled({
      inference: { replicas: 2 },
      control: { ttlMs: 1000, waitMs: 1000 },
      gateway: { healthChecks: { intervalMs: 100 } },
    });
    stack = await processPlatform({ find: findToxiproxy, connect: connectToxiproxy }).up(
      topologyOf(options, 200, 1, FRESH),
      {
        runId: `discovery-test-${process.pid}`,
        seed: 1,
        directory: folder.path,
        observer: { replica: ({ replica, state }) => observed.push(`${replica} ${state}`) },
        signal: AbortSignal.timeout(30_000),
        clock: systemClock,
      },
    );
  });
  afterAll(async () => {
    await stack[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  it('starts control first and the gateway last, and hands out the addresses of links alone', async () => {
    expect(observed.indexOf('control ready')).toBeLessThan(observed.indexOf('inference-1 starting'));
    expect(observed.indexOf('inference-2 ready')).toBeLessThan(observed.indexOf('gateway-1 starting'));
    const breakable = links('gateway→inference').map(({ listen }) => listen);
    expect(await instances()).toEqual(breakable.sort());
    const both = async () => (await chatFor(300)).by.length === 2;
    expect(await eventually(both, 5000)).toBe(true);
  });

  it('lets nobody without the token of the run change anything, and keeps the token to the services that need it', async () => {
    const control = replica('control').url;
    const instance = { ID: 'inference-9', Name: 'inference', Check: { TTL: '1h', Status: 'passing' } };
    const register = (Port: number, headers: Record<string, string> = {}) => {
      const body = JSON.stringify({ ...instance, Address: '127.0.0.1', Port });
      return fetch(`${control}/v1/agent/service/register`, { method: 'PUT', headers, body });
    };
    const breakable = Number(links('gateway→inference')[0]!.listen.split(':')[1]);
    expect((await register(breakable)).status).toBe(403);
    const foreign = await register(Number(new URL(control).port), { 'x-consul-token': stack.token! });
    expect([foreign.status, await foreign.text()]).toEqual([
      403,
      expect.stringContaining('is not an address of this stack'),
    ]);
    const broken = { method: 'PUT', body: '{"as":"server-error"}' };
    expect((await fetch(`${replica('inference-1').url}/simulator/failure`, broken)).status).toBe(403);
    expect((await chatFor(300)).by.sort()).toEqual(['inference-1', 'inference-2']);

    const files = readdirSync(folder.path, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile());
    expect(files.length).toBeGreaterThan(4);
    for (const { parentPath, name } of files)
      expect(readFileSync(join(parentPath, name), 'utf8').includes(stack.token!), name).toBe(false);
    if (process.platform !== 'linux') return;
    const holds = (name: string, file: string) =>
      readFileSync(`/proc/${replica(name).pid}/${file}`, 'utf8').includes(stack.token!);
    const names = stack.replicas.map(({ name }) => name);
    expect(names.filter(name => holds(name, 'cmdline'))).toEqual([]);

    expect(names.filter(name => holds(name, 'environ'))).toEqual(['control', 'inference-1', 'inference-2']);
  });

  it('serves everybody while the links to control are down, and everything heals with them', async () => {
    const api = connectToxiproxy({ apiUrl: stack.proxyApiUrl, token: stack.proxyToken });
    const names = ['gateway→control', 'inference→control'];
    for (const name of names) await api.setEnabled(name, false);
    // Three TTLs: every registration runs out, and the gateway cannot ask.
    const { failed, by } = await chatFor(3000);
    expect(await instances(), 'the outage bit').toEqual([]);
    expect(await gatewayMetric('gateway_discovery_stale')).toBe(1);
    expect([failed, by]).toEqual([0, ['inference-1', 'inference-2']]);
    for (const name of names) await api.setEnabled(name, true);
    expect(await eventually(async () => (await instances()).length === 2, 5000)).toBe(true);
    expect(await eventually(async () => (await gatewayMetric('gateway_discovery_stale')) === 0, 8000)).toBe(true);
  });

  it('serves everybody while control is killed and restarted without its memory', async () => {
    replica('control').hold();
    await replica('control').kill();
    const during = await chatFor(1500);
    expect(during.failed).toBe(0);
    await replica('control').release();
    expect(await eventually(async () => (await instances().catch(() => [])).length === 2, 8000)).toBe(true);
    const { failed, by } = await chatFor(500);
    expect([failed, by]).toEqual([0, ['inference-1', 'inference-2']]);
  });

  it('drops a replica that dies, and takes it back', async () => {
    replica('inference-1').hold();
    await replica('inference-1').kill();
    expect(await eventually(async () => (await instances()).length === 1, 5000)).toBe(true);
    expect(await eventually(async () => (await chatFor(300)).by.join() === 'inference-2', 5000)).toBe(true);
    await replica('inference-1').release();
    expect(await eventually(async () => (await chatFor(300)).by.length === 2, 10_000)).toBe(true);
  });
});
