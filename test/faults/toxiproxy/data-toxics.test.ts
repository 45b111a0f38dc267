import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { benchOf } from './bench.ts';
import { endingOf, readBytes, roundTripMs } from './peers.ts';
import { SERVERS } from './servers.ts';

/** What a busy machine may add to anything; every upper bound has it on top. */
const SLACK_MS = 400;

describe.each(SERVERS)('toxics of data and ends of the $title server', row => {
  const bench = benchOf(row);
  const it_ = row.isMissing ? it.skip : it.concurrent;

  it_('slow_close passes data at once and delays the end; removing it ends the wait', async () => {
    const proxy = await bench.proxy();
    await bench.client.addToxic(proxy.name, { kind: 'slow_close', delayMs: 300 });
    const socket = await bench.open(proxy);
    expect(await roundTripMs(socket)).toBeLessThan(200);
    const startMs = performance.now();
    socket.end();
    expect(await endingOf(socket, 5000)).toBe('end');
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(299);
    expect(performance.now() - startMs).toBeLessThan(300 + SLACK_MS);
    await bench.patch(proxy, 'slow_close_downstream', { delay: 60_000 });
    const waiting = await bench.open(proxy);
    await roundTripMs(waiting);
    waiting.end();
    const ending = endingOf(waiting, 5000);
    await sleep(100);
    await bench.client.removeToxic(proxy.name, 'slow_close_downstream');
    expect(await ending).toBe('end');
  });

  it_('slow_close: a change starts the new delay', async () => {
    const proxy = await bench.proxy();
    await bench.client.addToxic(proxy.name, { kind: 'slow_close', delayMs: 60_000 });
    const socket = await bench.open(proxy);
    await roundTripMs(socket);
    socket.end();
    const ending = endingOf(socket, 5000);
    await sleep(100);
    const startMs = performance.now();
    await bench.patch(proxy, 'slow_close_downstream', { delay: 300 });
    expect(await ending).toBe('end');
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(299);
    expect(performance.now() - startMs).toBeLessThan(300 + SLACK_MS);
  });

  it_(
    'slicer cuts what comes into pieces, each after its delay, and removing it passes on the rest at once',
    async () => {
      const proxy = await bench.proxy();
      await bench.client.addToxic(proxy.name, {
        kind: 'slicer',
        sizeBytes: 100,
        variationBytes: 50,
        delayMicros: 30_000,
      });
      const socket = await bench.open(proxy);
      const pieces: number[] = [];
      socket.on('data', chunk => pieces.push(chunk.byteLength));
      // 1,600 bytes are 11 to 32 pieces of 50 to 150: the last leaves after at least 10 × 30 ms, at most 31 × 30 ms.
      const tookMs = await roundTripMs(socket, 'x'.repeat(1600));
      expect(tookMs).toBeGreaterThanOrEqual(10 * 30 - 2);
      expect(tookMs).toBeLessThan(31 * 30 + SLACK_MS);
      // A reader that is late reads several at once.
      expect(pieces.length).toBeGreaterThanOrEqual(4);
      const startMs = performance.now();
      const all = readBytes(socket, 100_000);
      socket.write(Buffer.alloc(100_000));
      await sleep(200);
      await bench.client.removeToxic(proxy.name, 'slicer_downstream');
      await all;
      expect(performance.now() - startMs).toBeLessThan(5000);
    },
  );

  it_('limit_data lets exactly its bytes through on each connection, then closes it', async () => {
    const proxy = await bench.proxy();
    await bench.client.addToxic(proxy.name, { kind: 'limit_data', bytes: 1000 });
    for (const written of [1500, 900]) {
      const socket = await bench.open(proxy);
      let bytes = 0;
      socket.on('data', chunk => {
        bytes += chunk.byteLength;
      });
      socket.write(Buffer.alloc(written));
      const ending = endingOf(socket, written > 1000 ? 5000 : 300);
      expect([await ending, bytes]).toEqual(written > 1000 ? ['end', 1000] : ['open', 900]);
    }
  });

  it_('limit_data counts what passed before a change; removed, everything passes', async () => {
    const proxy = await bench.proxy();
    await bench.client.addToxic(proxy.name, { kind: 'limit_data', bytes: 1000 });
    const [socket, freed] = [await bench.open(proxy), await bench.open(proxy)];
    await roundTripMs(socket, 'x'.repeat(900));
    await roundTripMs(freed, 'x'.repeat(900));
    await bench.patch(proxy, 'limit_data_downstream', { bytes: 1500 });
    let bytes = 0;
    socket.on('data', chunk => {
      bytes += chunk.byteLength;
    });
    socket.write(Buffer.alloc(2000));
    expect([await endingOf(socket, 5000), bytes]).toEqual(['end', 600]);
    await bench.client.removeToxic(proxy.name, 'limit_data_downstream');
    expect(await roundTripMs(freed, 'x'.repeat(5000))).toBeLessThan(SLACK_MS);
  });

  it_('the close of limit_data leaves behind its data, through the toxics that come after it', async () => {
    const proxy = await bench.proxy();
    await bench.client.addToxic(proxy.name, { kind: 'limit_data', bytes: 1000 });
    await bench.client.addToxic(proxy.name, { kind: 'latency', latencyMs: 200 });
    await bench.client.addToxic(proxy.name, { kind: 'slow_close', delayMs: 200 });
    const socket = await bench.open(proxy);
    const startMs = performance.now();
    const data = readBytes(socket, 1000).then(() => performance.now() - startMs);
    socket.write(Buffer.alloc(1500));
    const dataMs = await data;
    expect(dataMs).toBeGreaterThanOrEqual(199);
    expect(await endingOf(socket, 5000)).toBe('end');
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(399);
    expect(performance.now() - startMs).toBeLessThan(400 + SLACK_MS);
  });
});
