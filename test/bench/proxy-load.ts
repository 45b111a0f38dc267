import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { quantile } from '../load/rig.ts';

/** A request and its response, as small as those of a short completion. */
export const REQUEST = `GET /v1/chat/completions HTTP/1.1\r\nHost: bench\r\ncontent-length: 0\r\n\r\n${'q'.repeat(200)}`;
export const RESPONSE = `HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n${'r'.repeat(500)}`;

/** Opens `count` connections to `host:port`, 100 at a time. */
export async function openAll(address: string, count: number): Promise<Socket[]> {
  const [host, port] = address.split(':');
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const batch = Array.from({ length: Math.min(100, count - sockets.length) }, () =>
      connect({ host: host!, port: Number(port), noDelay: true }),
    );
    await Promise.all(batch.map(socket => once(socket, 'connect')));
    sockets.push(...batch);
  }
  return sockets;
}

/** One request after the other on each of `connections` for `forMs`: their rate, and quantiles of their latency in ms. */
export async function requests(address: string, connections: number, forMs: number) {
  const sockets = await openAll(address, connections);
  const latencies: number[] = [];
  const startMs = performance.now();
  const endMs = startMs + forMs;
  for (const socket of sockets) {
    let sentMs = 0;
    let leftBytes = 0;
    const send = () => {
      sentMs = performance.now();
      leftBytes = RESPONSE.length;
      socket.write(REQUEST);
    };
    socket.on('data', chunk => {
      leftBytes -= chunk.byteLength;
      if (leftBytes > 0) return;
      const nowMs = performance.now();
      latencies.push(nowMs - sentMs);
      if (nowMs < endMs) send();
    });
    send();
  }
  await sleep(forMs + 100);
  for (const socket of sockets) socket.destroy();
  return {
    perSecond: (latencies.length / forMs) * 1000,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    count: latencies.length,
  };
}

/** Downloads on each of `connections` for `forMs`: MB/s (10⁶ bytes) of all together. */
export async function download(address: string, connections: number, forMs: number): Promise<number> {
  const sockets = await openAll(address, connections);
  let bytes = 0;
  for (const socket of sockets) {
    socket.on('data', chunk => {
      bytes += chunk.byteLength;
    });
    socket.on('error', () => {});
    socket.write('B');
  }
  await sleep(forMs);
  for (const socket of sockets) socket.destroy();
  return bytes / 1e3 / forMs;
}
