import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { benchOf } from './bench.ts';
import { openProxy, startUpstream, type Upstream } from './peers.ts';
import { SERVERS } from './servers.ts';

// A client may end, close or reset before its upstream is connected. Whatever it does, both of its connections must go: each row leaves
// 0 of 1,000 upstream connections (a proxy that loses the early end leaves hundreds) and answers every client that still listens.
const COUNT = 1000;
const AT_ONCE = 100;
const WAYS = { destroy: leave, 'half-close': ask } as const;

describe.each(SERVERS)('an early end through the $title server', row => {
  const bench = benchOf(row);
  const it_ = it.skipIf(row.isMissing);

  it_.each([
    ['destroy', 'no toxic'],
    ['half-close', 'no toxic'],
    ['destroy', 'latency'],
    ['half-close', 'latency'],
  ] as const)('connect and %s × 1,000 leaves nothing (%s)', async (way, toxic) => {
    await using upstream = await startUpstream(endsWithItsClient);
    const proxy = await openProxy(bench.client, upstream.address);
    for (const stream of ['upstream', 'downstream'] as const) {
      if (toxic === 'latency') await bench.client.addToxic(proxy.name, { kind: 'latency', stream, latencyMs: 20 });
    }
    await each(COUNT, () => WAYS[way](proxy.listen));
    await expectAllClosed(upstream);
  });

  // Toxiproxy 2.12 hangs when a toxic is removed while its connections close.
  it.skipIf(row.kind === 'real')('nothing is left while toxics come and go', async () => {
    await using upstream = await startUpstream(endsWithItsClient);
    const proxy = await openProxy(bench.client, upstream.address);
    const done = Promise.all([each(COUNT / 2, () => leave(proxy.listen)), each(COUNT / 2, () => ask(proxy.listen))]);
    let isDone = false;
    done.finally(() => (isDone = true)).catch(() => {});
    for (let turn = 0; !isDone; turn += 1) {
      const stream = turn % 2 ? 'upstream' : 'downstream';
      const toxic = [
        { kind: 'latency', latencyMs: 10 },
        { kind: 'bandwidth', rateKBps: 1000 },
      ] as const;
      const { name } = await bench.client.addToxic(proxy.name, { ...toxic[(turn >> 1) % 2]!, stream });
      await bench.client.removeToxic(proxy.name, name);
    }
    await done;
    await expectAllClosed(upstream);
  });

  it_('nothing is left of an upstream that accepts nobody', async () => {
    // A stopped process with a queue of two: the kernel repeats the other handshakes, until the process is gone and they are refused.
    const program = join(import.meta.dirname, 'fixtures/accepts-nothing.ts');
    const stopped = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [address] = await once(stopped.stdout.setEncoding('utf8'), 'data');
    const proxy = await openProxy(bench.client, address.trim());
    stopped.kill('SIGSTOP');
    const before = await settledDescriptors(bench.server.pid);
    const asked = each(25, () => ask(proxy.listen));
    await each(25, () => leave(proxy.listen));
    // The server may not have come to accept yet.
    let during = descriptorsOf(bench.server.pid);
    for (let tries = 0; tries < 100 && during <= before; tries += 1) {
      await sleep(20);
      during = descriptorsOf(bench.server.pid);
    }
    stopped.kill('SIGKILL');
    await asked;
    let after = descriptorsOf(bench.server.pid);
    for (let tries = 0; tries < 100 && after > before; tries += 1) {
      await sleep(50);
      after = descriptorsOf(bench.server.pid);
    }
    expect(during).toBeGreaterThan(before);
    expect(after).toBeLessThanOrEqual(before);
  });
});

/** Open descriptors of a process once it has closed what the tests before left: their number has not changed for 300 ms. */
async function settledDescriptors(pid: number): Promise<number> {
  let count = descriptorsOf(pid);
  for (let same = 0; same < 6; ) {
    await sleep(50);
    const now = descriptorsOf(pid);
    same = now === count ? same + 1 : 0;
    count = now;
  }
  return count;
}

/** Answers the end of its client with its own. */
function endsWithItsClient(socket: Socket): void {
  socket.resume();
  socket.once('end', () => socket.end('bye'));
}

/** Connects and closes at once. */
async function leave(address: string): Promise<void> {
  const socket = open(address);
  await once(socket, 'connect');
  socket.destroy();
  await once(socket, 'close');
}

/** Connects, ends at once, and waits for the other end. @throws Error after 5 s */
async function ask(address: string): Promise<void> {
  const socket = open(address);
  socket.end();
  socket.resume();
  socket.setTimeout(5000, () => socket.destroy(new Error('hangs')));
  await once(socket, 'close');
}

function open(address: string): Socket {
  const [host, port] = address.split(':');
  return connect({ host: host!, port: Number(port), allowHalfOpen: true });
}

/** Runs `task` `count` times, {@link AT_ONCE} at a time. */
async function each(count: number, task: () => Promise<void>): Promise<void> {
  for (let done = 0; done < count; done += AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - done) }, task));
  }
}

async function expectAllClosed({ sockets }: Upstream): Promise<void> {
  const open = () => sockets.filter(socket => !socket.destroyed).length;
  for (let tries = 0; tries < 200 && open() > 0; tries += 1) await sleep(50);
  expect(sockets.length).toBeGreaterThan(COUNT / 10);
  expect(open()).toBe(0);
}

function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}
