import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { benchOf } from './bench.ts';
import { clientOf, dial, echo, endingOf, readBytes, roundTripMs, startUpstream } from './peers.ts';
import { SERVERS, startServer } from './servers.ts';

/** What a busy machine may add to anything; every upper bound has it on top. */
const SLACK_MS = 400;

describe.each(SERVERS)('toxics of the $title server', row => {
  const bench = benchOf(row);
  const it_ = it.skipIf(row.isMissing);

  it_('latency delays each direction by its own amount, and heals on the same connection', async () => {
    const proxy = await bench.proxy();
    const socket = await bench.open(proxy);
    expect(await roundTripMs(socket)).toBeLessThan(SLACK_MS);
    // The toxics come after the connection: 100 ms up + 150 ms down = 250 ms floor; the ceiling tells it from a stall.
    await bench.client.addToxic(proxy.name, { kind: 'latency', stream: 'upstream', latencyMs: 100 });
    await bench.client.addToxic(proxy.name, { kind: 'latency', stream: 'downstream', latencyMs: 150 });
    const slowMs = await roundTripMs(socket);
    expect(slowMs).toBeGreaterThanOrEqual(249);
    expect(slowMs).toBeLessThan(250 + SLACK_MS);
    await bench.client.removeToxic(proxy.name, 'latency_upstream');
    await bench.client.removeToxic(proxy.name, 'latency_downstream');
    expect(await roundTripMs(socket)).toBeLessThan(200);
  });

  it_('changed settings reach a connection that is already slow', async () => {
    const proxy = await bench.proxy();
    const socket = await bench.open(proxy);
    const { name } = await bench.client.addToxic(proxy.name, { kind: 'latency', latencyMs: 5000 });
    const back = roundTripMs(socket);
    await sleep(100);
    await bench.patch(proxy, name, { latency: 150 });
    // What waited for 5 s leaves with the change; what comes after it takes the new 150 ms.
    expect(await back).toBeLessThan(2000);
    const slowMs = await roundTripMs(socket);
    expect(slowMs).toBeGreaterThanOrEqual(149);
    expect(slowMs).toBeLessThan(150 + SLACK_MS);
  });

  it_('jitter spreads the delays between latency − jitter and latency + jitter', async () => {
    const proxy = await bench.proxy();
    const socket = await bench.open(proxy);
    await bench.client.addToxic(proxy.name, { kind: 'latency', latencyMs: 40, jitterMs: 40 });
    const delays: number[] = [];
    for (let i = 0; i < 25; i += 1) delays.push(await roundTripMs(socket));
    // Uniform on 0…80 ms: 25 draws all within 20 ms of each other have a chance below 1e-12.
    expect(Math.max(...delays) - Math.min(...delays)).toBeGreaterThan(20);
    const mean = delays.reduce((sum, delay) => sum + delay) / delays.length;
    expect(mean).toBeGreaterThan(20);
    expect(mean).toBeLessThan(40 + 40);
  });

  it_('bandwidth holds its rate, and removing it hands on the rest at once', async () => {
    const proxy = await bench.proxy();
    const socket = await bench.open(proxy);
    await bench.client.addToxic(proxy.name, { kind: 'bandwidth', rateKBps: 100 });
    // 50 KB at 100 KB/s are 500 ms.
    const passMs = await roundTripMs(socket, 'x'.repeat(50_000));
    expect(passMs).toBeGreaterThanOrEqual(450);
    expect(passMs).toBeLessThan(500 + SLACK_MS);
    // 1 MB would take 10 s; healed after 0.3 s it takes about that.
    const startMs = performance.now();
    const all = readBytes(socket, 1_000_000);
    socket.write(Buffer.alloc(1_000_000));
    await sleep(300);
    await bench.client.removeToxic(proxy.name, 'bandwidth_downstream');
    await all;
    expect(performance.now() - startMs).toBeLessThan(5000);
  });

  it_('timeout closes a silent connection after its time, not before', async () => {
    const proxy = await bench.proxy();
    await bench.client.addToxic(proxy.name, { kind: 'timeout', timeoutMs: 200 });
    const startMs = performance.now();
    expect(await endingOf(await bench.open(proxy), 5000)).toBe('end');
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(199);
    expect(performance.now() - startMs).toBeLessThan(200 + SLACK_MS);
  });

  it_('timeout 0 is a black hole, and removing it closes the connection', async () => {
    const proxy = await bench.proxy();
    const socket = await bench.open(proxy);
    await roundTripMs(socket);
    await bench.client.addToxic(proxy.name, { kind: 'timeout', timeoutMs: 0 });
    let bytes = 0;
    socket.on('data', chunk => {
      bytes += chunk.byteLength;
    });
    socket.write('lost');
    const ending = endingOf(socket, 5000);
    await sleep(250);
    expect([bytes, socket.destroyed, socket.readableEnded]).toEqual([0, false, false]);
    await bench.client.removeToxic(proxy.name, 'timeout_downstream');
    expect(await ending).not.toBe('open');
    expect(await roundTripMs(await bench.open(proxy))).toBeLessThan(SLACK_MS);
  });

  it_('reset_peer resets a fresh connection after its time', async () => {
    const proxy = await bench.proxy();
    await bench.client.addToxic(proxy.name, { kind: 'reset_peer', timeoutMs: 150 });
    const socket = await bench.open(proxy);
    const startMs = performance.now();
    socket.write('x');
    expect(await endingOf(socket, 5000)).toBe('reset');
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(149);
    expect(performance.now() - startMs).toBeLessThan(150 + SLACK_MS);
  });

  it_('reset_peer ends a connection that was there before it (the real one: with FIN)', async () => {
    const proxy = await bench.proxy();
    const socket = await bench.open(proxy);
    await roundTripMs(socket);
    await bench.client.addToxic(proxy.name, { kind: 'reset_peer', timeoutMs: 0 });
    socket.write('x');
    expect(await endingOf(socket, 5000)).toBe(row.kind === 'embedded' ? 'reset' : 'end');
  });

  it_('toxicity spares a share of the connections', async () => {
    const proxy = await bench.proxy();
    await bench.client.addToxic(proxy.name, { kind: 'latency', latencyMs: 300, toxicity: 0.5 });
    const delays = await Promise.all(Array.from({ length: 40 }, async () => roundTripMs(await bench.open(proxy))));
    // Binomial(40, 0.5): outside 6…34 with a chance below 1e-5.
    const slow = delays.filter(delay => delay >= 299).length;
    expect(slow).toBeGreaterThanOrEqual(6);
    expect(slow).toBeLessThanOrEqual(34);
  });

  it_('disabled refuses and closes; enabled listens on the same port again', async () => {
    const proxy = await bench.proxy();
    const socket = await bench.open(proxy);
    await roundTripMs(socket);
    await bench.client.setEnabled(proxy.name, false);
    expect(await endingOf(socket, 2000)).not.toBe('open');
    await expect(bench.open(proxy)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await bench.client.setEnabled(proxy.name, true);
    expect((await bench.client.getProxy(proxy.name)).listen).toBe(proxy.listen);
    expect(await roundTripMs(await bench.open(proxy))).toBeLessThan(SLACK_MS);
  });

  it_('reset heals every fault at once', async () => {
    const proxy = await bench.proxy();
    await bench.client.addToxic(proxy.name, { kind: 'latency', latencyMs: 2000 });
    await bench.client.setEnabled(proxy.name, false);
    await bench.client.reset();
    expect(await roundTripMs(await bench.open(proxy))).toBeLessThan(SLACK_MS);
  });
});

describe('the seed of the embedded server', () => {
  const embedded = SERVERS.find(({ kind }) => kind === 'embedded')!;

  /** How long the n-th connection of a proxy waits for its answer under 300 ± 300 ms, for each of eight. */
  async function delays(seed: number): Promise<number[]> {
    await using server = await startServer(embedded, seed);
    await using upstream = await startUpstream(echo);
    const client = clientOf(server.apiUrl);
    const proxy = await client.createProxy({ name: 'seeded', listen: '127.0.0.1:0', upstream: upstream.address });
    await client.addToxic('seeded', { kind: 'latency', stream: 'downstream', latencyMs: 300, jitterMs: 300 });
    const sockets: Socket[] = [];
    for (let nth = 0; nth < 8; nth += 1) sockets.push(await dial(proxy.listen));
    const waited = await Promise.all(sockets.map(socket => roundTripMs(socket)));
    for (const socket of sockets) socket.destroy();
    return waited;
  }

  // Two independent draws from 0 to 600 ms lie 176 ms apart at the median; the same draw, as far as the machine is late.
  it('decides jitter, connection by connection', async () => {
    const [once, again, otherwise] = [await delays(7), await delays(7), await delays(8)];
    const apart = (other: readonly number[]) =>
      other.map((ms, nth) => Math.abs(ms - once[nth]!)).sort((a, b) => a - b)[4]!;
    expect(apart(again)).toBeLessThan(50);
    expect(apart(otherwise)).toBeGreaterThan(50);
    expect(Math.max(...once) - Math.min(...once)).toBeGreaterThan(100);
  });
});
