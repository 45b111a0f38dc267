import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../harness/clock.ts';
import { systemNetwork } from '../../../harness/host/network.ts';
import { type ProbeOptions, probe } from '../../../harness/host/probe.ts';

/** A server that does `answer` with each request, and keeps what it was asked. */
async function startServer(answer: (socket: Socket) => unknown) {
  const asked: string[] = [];
  const server = createServer(socket => {
    socket
      .on('error', () => {})
      .on('data', chunk => {
        asked.push(chunk.toString());
        answer(socket);
      });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { address: `127.0.0.1:${port}`, asked, [Symbol.dispose]: () => void server.close() };
}

const send = (url: string, options: Partial<ProbeOptions> = {}) =>
  probe(url, { clock: systemClock, network: systemNetwork, signal: AbortSignal.timeout(3000), ...options });

describe('probe', () => {
  it.each([
    ['HTTP/1.1 204 No Content\r\n\r\n', true],
    ['HTTP/1.1 503 Unavailable\r\ncontent-length: 0\r\n\r\n', false],
  ])('any HTTP status is an answer, 2xx alone is ready: %j', async (text, isReady) => {
    using server = await startServer(socket => socket.end(text));
    expect(await send(`http://${server.address}/healthz`)).toMatchObject({ isReady });
    expect(server.asked[0]).toMatch(/^GET \/healthz HTTP\/1\.1\r\n/);
  });

  it.each([
    ['', ['+PONG\r\n'], true],
    ['', ['-NOAUTH Authentication required.\r\n'], false],
    ['me:secret@', ['+O', 'K\r\n+PO', 'NG\r\n'], true],
    ['me:secret@', ['+OK\r\n-LOADING Redis is loading\r\n'], false],
    ['me:secret@', ['-WRONGPASS invalid\r\n', '+PONG\r\n'], false],
  ])('any Redis line is an answer, PONG after the login alone is ready: %s %j', async (login, chunks, isReady) => {
    using server = await startServer(async socket => {
      for (const chunk of chunks) {
        socket.write(chunk);
        await sleep(20);
      }
    });
    expect(await send(`redis://${login}${server.address}`)).toMatchObject({ isReady });
    expect(server.asked[0]).toBe(`${login ? 'AUTH me secret\r\n' : ''}PING\r\n`);
  });

  it('measures the time to the first byte', async () => {
    // 60 ms until the first byte and 200 more until the last: at least 60 (a timer may be a millisecond early), and less than both.
    using server = await startServer(async socket => {
      await sleep(60);
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n');
      await sleep(200);
      socket.end('.');
    });
    const { ttfbMs } = await send(`http://${server.address}/`);
    expect(ttfbMs).toBeGreaterThanOrEqual(59);
    expect(ttfbMs).toBeLessThan(255);
  });

  it('takes along user and password of the URL', async () => {
    using server = await startServer(socket => socket.end('HTTP/1.1 204 No Content\r\n\r\n'));
    await send(`http://me:s%C3%A9cret@${server.address}/`);
    expect(server.asked[0]).toContain(`Authorization: Basic ${Buffer.from('me:sécret').toString('base64')}\r\n`);
    await send(`http://${server.address}/`);
    expect(server.asked[1]).not.toMatch(/authorization/i);
  });

  it("goes to another address with the URL's own Host", async () => {
    using server = await startServer(socket => socket.end('HTTP/1.1 200 OK\r\n\r\n'));
    await send('http://llm.test:81/v1/models', { via: server.address });
    expect(server.asked[0]).toMatch(/^GET \/v1\/models .*\r\nhost: llm\.test:81\r\n/is);
  });

  it.each(['http', 'redis'])('rejects where nothing answers over %s', async scheme => {
    using closes = await startServer(socket => socket.end());
    await expect(send(`${scheme}://${closes.address}`)).rejects.toThrow();
    using hangs = await startServer(() => {});
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error('enough')), 50);
    await expect(send(`${scheme}://${hangs.address}`, { signal: abort.signal })).rejects.toThrow('enough');
  });
});
