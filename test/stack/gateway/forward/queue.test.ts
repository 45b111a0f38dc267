import { duplexPair } from 'node:stream';
import pino from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { seededRandom } from '../../../../harness/random.ts';
import { type GatewayConfigInput, parseGatewayConfig } from '../../../../stack/gateway/config.ts';
import { Gateway } from '../../../../stack/gateway/gateway.ts';
import { createGatewayServer } from '../../../../stack/gateway/http/server.ts';
import type { TransportFactory } from '../../../../stack/gateway/upstream/transport.ts';
import { FakeClock } from '../../../fake-clock.ts';

/** One upstream, which is unready at first; its checks are 1 s ± 10 % apart. */
let isReady: boolean;
let served: string[];
let clock: FakeClock;
let gateway: Gateway;

const transport: TransportFactory = () => ({
  send: ({ path, headers, body }, handler) => {
    queueMicrotask(() => {
      handler.onConnected();
      if (path === '/readyz') handler.onResponse(isReady ? 200 : 503, {});
      else {
        served.push(headers[headers.indexOf('x-request-id') + 1]!);
        const isStream = String(body).includes('"stream":true');
        handler.onResponse(200, { 'content-type': isStream ? 'text/event-stream' : 'application/json' });
        handler.onData(
          Buffer.from(
            isStream
              ? 'data: {"choices":[{"delta":{"content":"hi"}}]}\n\ndata: [DONE]\n\n'
              : '{"choices":[{"message":{"content":"hi"}}]}',
          ),
        );
      }
      handler.onEnd();
    });
    return { cancel: () => {}, pause: () => {}, resume: () => {} };
  },
  close: async () => {},
});

function start(queue: GatewayConfigInput['queue']): void {
  const config = parseGatewayConfig(JSON.stringify({ queue, upstreams: [{ name: 'one', url: 'http://one' }] }));
  gateway = new Gateway({ config, clock, random: seededRandom(1), transport, log: pino({ enabled: false }) });
  gateway.start();
}

beforeEach(() => {
  isReady = false;
  served = [];
  clock = new FakeClock();
});
afterEach(() => gateway[Symbol.asyncDispose]());

const settle = () => new Promise(resolve => setTimeout(resolve, 15));
async function advance(forMs: number): Promise<void> {
  await settle();
  await clock.advance(forMs);
  await settle();
}

interface Client {
  text: string;
  leave(): void;
}

function client(id: string, options: { stream?: boolean; timeoutMs?: number; path?: string } = {}): Client {
  const { stream = false, timeoutMs, path } = options;
  const [own, server] = duplexPair();
  const received: Client = { text: '', leave: () => void server.destroy() };
  own.on('data', chunk => {
    received.text += String(chunk);
  });
  own.on('error', () => {});
  server.on('error', () => {});
  createGatewayServer(gateway).emit('connection', server);
  const body = JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'hi' }], stream });
  const timeout = timeoutMs === undefined ? '' : `x-request-timeout-ms: ${timeoutMs}\r\n`;
  own.write(
    path === undefined
      ? `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-request-id: ${id}\r\n${timeout}content-length: ${body.length}\r\n\r\n${body}`
      : `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`,
  );
  return received;
}

async function metric(name: string): Promise<number> {
  const line = (await gateway.metrics.registry.metrics()).split('\n').find(each => each.startsWith(`${name} `));
  return Number(line?.split(' ')[1]);
}

test('requests wait for the first healthy upstream, streams too, and are served in their order', async () => {
  start({});
  const clients = [client('a'), client('b', { stream: true }), client('c')];
  await advance(100_000);
  expect(clients.map(({ text }) => text)).toEqual(['', '', '']);
  expect(await metric('gateway_requests_queued')).toBe(3);
  expect(await metric('gateway_requests_in_flight')).toBe(3);
  isReady = true;
  await advance(2500);
  expect(served).toEqual(['a', 'b', 'c']);
  for (const { text } of clients) expect(text).toContain('200 OK');
  expect(clients[1]!.text).toContain('[DONE]');
  expect(await metric('gateway_requests_queued')).toBe(0);
});

test('without a queue they get a 503 at once', async () => {
  start('off');
  const one = client('a');
  await advance(0);
  expect(one.text).toContain('503');
  expect(one.text).toContain('no_upstream');
});

test('the queue is bounded in number and in time, and says when to come again', async () => {
  start({ maxRequests: 2, maxWaitMs: 5000, retryAfterMs: 7500 });
  const [first, second] = [client('a'), client('b')];
  await advance(0);
  const third = client('c');
  await advance(4900);
  expect(third.text).toMatch(/^HTTP\/1\.1 503 [\s\S]*retry-after: 8\r\n[\s\S]*"code":"queue_full"/);
  expect([first.text, second.text]).toEqual(['', '']);
  await advance(200);
  for (const { text } of [first, second])
    expect(text).toMatch(/^HTTP\/1\.1 503 [\s\S]*retry-after: 8\r\n[\s\S]*"code":"queue_timeout"/);
  expect(served).toEqual([]);
  const { values } = await gateway.metrics.registry.getSingleMetric('gateway_queue_rejections_total')!.get();
  expect(values).toMatchObject([
    { labels: { reason: 'full' }, value: 1 },
    { labels: { reason: 'timeout' }, value: 2 },
  ]);
});

test('a client that leaves frees its place, and is not sent to an upstream', async () => {
  start({ maxRequests: 1 });
  const gone = client('gone');
  await advance(1000);
  gone.leave();
  await advance(0);
  expect(await metric('gateway_requests_queued')).toBe(0);
  const next = client('next');
  await advance(1000);
  isReady = true;
  await advance(2500);
  expect(served).toEqual(['next']);
  expect(next.text).toContain('200 OK');
});

test('a deadline of the client ends its wait', async () => {
  start({});
  const hasty = client('a', { timeoutMs: 3000 });
  await advance(2900);
  expect(hasty.text).toBe('');
  await advance(200);
  expect(hasty.text).toMatch(/^HTTP\/1\.1 504 [\s\S]*deadline_exceeded/);
});

test('a gateway whose requests can wait is ready without an upstream, and one whose cannot is not', async () => {
  start({});
  const ready = client('', { path: '/readyz' });
  await advance(0);
  expect(ready.text).toContain('200 OK');
  await gateway[Symbol.asyncDispose]();
  start('off');
  const unready = client('', { path: '/readyz' });
  await advance(0);
  expect(unready.text).toContain('503');
});
