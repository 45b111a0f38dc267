import { createServer as createHttp2, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { thisMachine } from '../../../harness/host/network.ts';
import { awaitReady } from '../../../load/inspect/ready.ts';
import { rig } from '../rig.ts';
import { type Asked, serve, stream } from '../server.ts';

const never = new AbortController().signal;
const until = (url: string, withinMs: number, signal = never) => {
  using prepared = rig({ targets: [url] });
  return awaitReady(prepared.job, { withinMs, machine: thisMachine, signal });
};
const says = (status: number, message: string) => (_: Asked, response: Parameters<typeof stream>[0]) =>
  void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ error: { message } }));

it('asks for one token, once, where all is well', async () => {
  await using server = await serve((_, response) => stream(response));
  expect(await until(server.url, 5000)).toMatchObject({ attempts: 1, waitedFor: '' });
  expect(server.asked).toHaveLength(1);
  expect(JSON.parse(server.asked[0]!.body)).toMatchObject({ max_tokens: 1, stream: true });
});

it.each([503, 500, 502, 429, 408])('waits while the server says %i, and tells what it waited for', async status => {
  await using server = await serve((asked, response) =>
    asked.order < 2 ? says(status, 'model is loading')(asked, response) : stream(response),
  );
  const ready = await until(server.url, 10_000);
  expect(ready).toMatchObject({ attempts: 3, waitedFor: `${status}: model is loading` });
  // Two pauses of half a second.
  expect(ready.tookMs).toBeGreaterThan(990);
});

it('waits for a first answer, and for a server that nobody started yet', async () => {
  await using slow = await serve((_, response) => void setTimeout(() => stream(response), 1500));
  expect((await until(slow.url, 10_000)).tookMs).toBeGreaterThan(1490);
  await expect(until('http://127.0.0.1:9', 700)).rejects.toMatchObject({
    code: 'TARGET_NOT_READY',
    message: expect.stringMatching(/127\.0\.0\.1:9.*within.*ECONNREFUSED/),
    next: expect.stringContaining('--ready-within'),
  });
});

it('is not held up by one stream that hangs for ever', { timeout: 15_000 }, async () => {
  await using server = await serve((asked, response) => {
    if (asked.order > 0) return stream(response);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(': keepalive\n\n');
  });
  const { attempts, tookMs } = await until(server.url, 10_000);
  expect(attempts).toBe(2);
  expect(tookMs).toBeGreaterThan(2990);
});

it.each<[number, string, RegExp]>([
  [401, 'no such key', /SQUALL_TARGET_AUTHORIZATION/],
  [404, 'no model nope here, there is my-model', /load\.model/],
  [400, 'unknown parameter max_tokens', /load\.body/],
])('ends at once with the words of a server that says %i', async (status, words, next) => {
  await using server = await serve(says(status, words));
  await expect(until(server.url, 60_000)).rejects.toMatchObject({
    code: 'TARGET_REJECTS',
    message: expect.stringContaining(`${status}: ${words}`),
    next: expect.stringMatching(next),
    notes: [{ type: 'failure', name: `http-${status}`, example: expect.stringContaining(words) }],
  });
  expect(server.asked.length).toBeLessThanOrEqual(2);
});

it('takes an engine that has nothing to say for one that works', async () => {
  await using server = await serve((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const chunk = { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] };
    response.end(`data: ${JSON.stringify(chunk)}\n\ndata: [DONE]\n\n`);
  });
  expect(await until(server.url, 5000)).toMatchObject({ attempts: 1 });
});

it('names a server that speaks only HTTP/2', async () => {
  const server: Http2Server = createHttp2().on('sessionError', () => {});
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await expect(until(url, 60_000)).rejects.toMatchObject({
    code: 'TARGET_HTTP2',
    next: expect.stringMatching(/HTTP\/1\.1/),
  });
  server.close();
});

it('ends with the reason of an abort', async () => {
  await using server = await serve(says(503, 'loading'));
  const abort = new AbortController();
  setTimeout(() => abort.abort(new Error('SIGINT')), 200);
  await expect(until(server.url, 60_000, abort.signal)).rejects.toThrow('SIGINT');
});
