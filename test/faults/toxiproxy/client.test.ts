import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { connectToxiproxy, type ToxiproxyClient, toxiproxyOf } from '../../../faults/toxiproxy/client.ts';
import type { Toxic } from '../../../faults/toxiproxy/toxic.ts';
import { systemClock } from '../../../harness/clock.ts';
import type { RunningStack } from '../../../harness/contracts.ts';
import { systemNetwork } from '../../../harness/host/network.ts';
import { benchOf } from './bench.ts';
import { dial, startUpstream, talk } from './peers.ts';
import { freePort, SERVERS } from './servers.ts';

describe.each(SERVERS)('client of the $title server', row => {
  const bench = benchOf(row);
  const it_ = it.skipIf(row.isMissing);

  it_('creates a proxy under a name that needs encoding and says where it listens', async () => {
    const name = 'gateway→inference 1?#%&';
    const proxy = await bench.client.createProxy({ name, listen: '127.0.0.1:0', upstream: '127.0.0.1:1' });
    expect(proxy).toMatchObject({ name, upstream: '127.0.0.1:1', enabled: true });
    expect(proxy.listen).toMatch(/^127\.0\.0\.1:[1-9]\d+$/);
    await bench.client.setEnabled(name, false);
    expect((await bench.client.getProxy(name)).enabled).toBe(false);
    await bench.client.addToxic(name, { kind: 'bandwidth', rateKBps: 5, name: 'slow→link #1' });
    await bench.client.removeToxic(name, 'slow→link #1');
    await bench.client.deleteProxy(name);
    await expect(bench.client.getProxy(name)).rejects.toMatchObject({ code: 'TOXIPROXY_REJECTED' });
  });

  it_('puts on every kind and reads it back with its defaults', async () => {
    await bench.client.createProxy({ name: 'kinds', listen: '127.0.0.1:0', upstream: '127.0.0.1:1' });
    const toxics: Toxic[] = [
      { kind: 'latency', latencyMs: 100 },
      { kind: 'bandwidth', rateKBps: 7, toxicity: 0.1 },
      { kind: 'timeout', timeoutMs: 7 },
      { kind: 'reset_peer', timeoutMs: 0, name: 'rst' },
      { kind: 'slow_close', delayMs: 9 },
      { kind: 'slicer', sizeBytes: 64 },
      { kind: 'limit_data', bytes: 0 },
    ];
    for (const toxic of toxics) await bench.client.addToxic('kinds', toxic);
    const shared = { stream: 'downstream', toxicity: 1 };
    expect(await bench.client.listToxics('kinds')).toMatchObject([
      { ...shared, kind: 'latency', name: 'latency_downstream', latencyMs: 100, jitterMs: 0 },
      { ...shared, kind: 'bandwidth', name: 'bandwidth_downstream', rateKBps: 7, toxicity: 0.1 },
      { ...shared, kind: 'timeout', name: 'timeout_downstream', timeoutMs: 7 },
      { ...shared, kind: 'reset_peer', name: 'rst', timeoutMs: 0 },
      { ...shared, kind: 'slow_close', delayMs: 9 },
      { ...shared, kind: 'slicer', sizeBytes: 64, variationBytes: 0, delayMicros: 0 },
      { ...shared, kind: 'limit_data', bytes: 0 },
    ]);
    await bench.client.reset();
    expect(await bench.client.listToxics('kinds')).toEqual([]);
  });

  // Faults that end together, as all do whose end is that of the load, must not undo each other's healing.
  it_('of a link heals faults that end at once', async () => {
    const { apiUrl } = bench.client;
    const stack = { proxyApiUrl: apiUrl, network: systemNetwork } as RunningStack;
    const [one, other] = [toxiproxyOf(stack, systemClock), toxiproxyOf(stack, systemClock)];
    const proxy = await bench.client.createProxy({ name: 'shared', listen: '127.0.0.1:0', upstream: '127.0.0.1:1' });
    for (let round = 0; round < 20; round += 1) {
      await one.addToxic('shared', { kind: 'reset_peer', timeoutMs: 0, name: 'reset' });
      await one.addToxic('shared', { kind: 'latency', latencyMs: 5, name: 'slow' });
      await other.setEnabled('shared', false);
      await Promise.all([
        one.removeByRenewal(proxy, ['reset']),
        other.setEnabled('shared', true),
        other.removeToxic('shared', 'slow'),
      ]);
      expect(await one.getProxy('shared')).toMatchObject({ enabled: true });
      expect(await one.listToxics('shared')).toEqual([]);
    }
    await one.deleteProxy('shared');
  });

  it_('heals what is already gone', async () => {
    await bench.client.removeToxic('never', 'was');
    await bench.client.deleteProxy('never');
  });

  // Removing a toxic while the connections it acts on are being closed hangs the real server 2.12 for good, every time.
  it_('heals while connections are being closed, and keeps address and other toxics', async () => {
    await using talker = await startUpstream(talk);
    const impatient = connectToxiproxy({ apiUrl: bench.server.apiUrl, timeoutMs: 700 });
    const proxy = { name: 'closing', listen: '127.0.0.1:0', upstream: talker.address };
    const { listen } = await impatient.createProxy(proxy);
    const sockets = await Promise.all(Array.from({ length: 10 }, () => dial(listen)));
    for (const socket of sockets) socket.resume();
    await sleep(100);
    await impatient.addToxic('closing', { kind: 'latency', latencyMs: 300, jitterMs: 20 });
    await impatient.addToxic('closing', { kind: 'bandwidth', rateKBps: 500, name: 'stays' });
    await sleep(400);
    for (const socket of sockets) socket.destroy();
    await impatient.removeToxic('closing', 'latency_downstream');
    expect(await impatient.listToxics('closing')).toMatchObject([{ name: 'stays', rateKBps: 500 }]);
    expect(await impatient.getProxy('closing')).toEqual({ ...proxy, listen, enabled: true });
  });

  it_("repeats the server's own words when it refuses", async () => {
    await bench.client.createProxy({ name: 'twice', listen: '127.0.0.1:0', upstream: '127.0.0.1:1' });
    const again = bench.client.createProxy({ name: 'twice', listen: '127.0.0.1:0', upstream: '127.0.0.1:1' });
    await expect(again).rejects.toMatchObject({
      code: 'TOXIPROXY_REJECTED',
      message: expect.stringContaining('{"error":"proxy already exists","status":409}'),
    });
  });
});

describe('client of a broken server', () => {
  const latency = { kind: 'latency', latencyMs: 100, jitterMs: 10 } as const;
  const ofProxy = { name: 'p', listen: '127.0.0.1:5', upstream: 'x:1', enabled: true, toxics: [] };
  const ofToxic = { name: 'latency_downstream', type: 'latency', stream: 'downstream', toxicity: 1 };

  it('gives up on one that hangs, and says on what', async () => {
    await using broken = await startBroken(() => undefined);
    const startMs = performance.now();
    const hanging = connectToxiproxy({ apiUrl: broken.apiUrl, timeoutMs: 150 }).addToxic('p', latency);
    await expect(hanging).rejects.toMatchObject({
      kind: 'fault',
      code: 'TOXIPROXY_TIMEOUT',
      message: expect.stringMatching(/add toxic latency to p.*within 150 ms/),
    });
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(149);
    expect(performance.now() - startMs).toBeLessThan(1500);
  });

  it('says of one that hangs for good what to use instead', async () => {
    const toxics = [{ ...ofToxic, attributes: { latency: 100, jitter: 10 } }];
    await using broken = await startBroken(({ method }) => (method === 'DELETE' ? undefined : { ...ofProxy, toxics }));
    const client = connectToxiproxy({ apiUrl: broken.apiUrl, timeoutMs: 150 });
    await expect(client.removeToxic('p', 'latency_downstream')).rejects.toMatchObject({
      kind: 'fault',
      code: 'TOXIPROXY_HANGS',
      message: expect.stringMatching(/latency_downstream was removed from p .* before 2\.13 do: Set SQUALL_TOXIPROXY/),
    });
  });

  it("stops when its caller aborts, with the caller's reason", async () => {
    await using broken = await startBroken(() => undefined);
    const controller = new AbortController();
    const version = connectToxiproxy(broken).version(controller.signal);
    controller.abort(new Error('run ended'));
    await expect(version).rejects.toThrow('run ended');
  });

  it.each<[string, (client: ToxiproxyClient) => Promise<unknown>, (request: IncomingMessage) => unknown]>([
    [
      'a toxic with another latency',
      c => c.addToxic('p', latency),
      () => ({ ...ofToxic, attributes: { latency: 99, jitter: 10 } }),
    ],
    [
      'a toxic with another toxicity',
      c => c.addToxic('p', latency),
      () => ({ ...ofToxic, toxicity: 0.5, attributes: { latency: 100, jitter: 10 } }),
    ],
    [
      'a toxic that stays',
      c => c.removeToxic('p', 'latency_downstream'),
      ({ url }) => (url?.includes('/toxics/') ? { ...ofToxic, attributes: {} } : ofProxy),
    ],
    ['a proxy that stays', c => c.deleteProxy('p'), () => ofProxy],
    ['a proxy that stays enabled', c => c.setEnabled('p', false), () => ofProxy],
    ['a proxy to elsewhere', c => c.createProxy({ name: 'p', listen: '127.0.0.1:0', upstream: 'y:1' }), () => ofProxy],
    ['a toxic after a reset', c => c.reset(), () => ({ p: { ...ofProxy, toxics: [{ ...ofToxic, attributes: {} }] } })],
  ])('does not believe %s', async (_lie, act, answer) => {
    await using broken = await startBroken(answer);
    await expect(act(connectToxiproxy(broken))).rejects.toMatchObject({
      kind: 'fault',
      code: 'TOXIPROXY_MISMATCH',
      message: expect.stringMatching(/Expected .*found /i),
    });
  });

  it("says when the answer is not Toxiproxy's", async () => {
    await using broken = await startBroken(() => ({ hello: 'world' }));
    await expect(connectToxiproxy(broken).getProxy('p')).rejects.toMatchObject({ code: 'TOXIPROXY_RESPONSE' });
  });

  it('says when nothing listens', async () => {
    const client = connectToxiproxy({ apiUrl: `http://127.0.0.1:${await freePort()}` });
    await expect(client.version()).rejects.toMatchObject({ code: 'TOXIPROXY_UNREACHABLE' });
  });

  it.each<[Toxic, string]>([
    [{ kind: 'latency', latencyMs: 10, jitterMs: 11 }, 'jitterMs'],
    [{ kind: 'latency', latencyMs: 1.5 }, 'latencyMs'],
    [{ kind: 'latency', latencyMs: -1 }, 'latencyMs'],
    [{ kind: 'bandwidth', rateKBps: -1 }, 'rateKBps'],
    [{ kind: 'bandwidth', rateKBps: 0 }, 'rateKBps'],
    [{ kind: 'timeout', timeoutMs: Number.NaN }, 'timeoutMs'],
    [{ kind: 'timeout', timeoutMs: 1, toxicity: 1.1 }, 'toxicity'],
    [{ kind: 'timeout', timeoutMs: 1, stream: 'sideways' as 'upstream' }, 'stream'],
    [{ kind: 'jammer' } as unknown as Toxic, 'kind'],
    [{ kind: 'slicer', sizeBytes: 0 }, 'sizeBytes'],
    [{ kind: 'slicer', sizeBytes: 10, variationBytes: 10 }, 'variationBytes'],
    [{ kind: 'limit_data', bytes: -1 }, 'bytes'],
  ])('sends nothing for %j', async (toxic, field) => {
    let calls = 0;
    await using broken = await startBroken(() => {
      calls += 1;
      return {};
    });
    await expect(connectToxiproxy(broken).addToxic('p', toxic)).rejects.toMatchObject({
      code: 'BAD_TOXIC',
      message: expect.stringContaining(`\`${field}\``),
    });
    expect(calls).toBe(0);
  });

  it.each(['', 'a/b', '..'])('refuses the proxy name "%s"', async name => {
    const client = connectToxiproxy({ apiUrl: 'http://127.0.0.1:1' });
    await expect(client.getProxy(name)).rejects.toMatchObject({ code: 'BAD_PROXY' });
  });
});

/** An API that says 200 and `answer(request)` to everything, or nothing at all for undefined. */
async function startBroken(answer: (request: IncomingMessage) => unknown) {
  const server: Server = createServer((request, response) => {
    const json = answer(request);
    if (json !== undefined) response.end(JSON.stringify(json));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    apiUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
