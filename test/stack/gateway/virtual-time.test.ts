import { once } from 'node:events';
import { duplexPair } from 'node:stream';
import pino from 'pino';
import { expect, test } from 'vitest';
import { seededRandom } from '../../../harness/random.ts';
import { type GatewayConfigInput, parseGatewayConfig } from '../../../stack/gateway/config.ts';
import { Gateway } from '../../../stack/gateway/gateway.ts';
import { createGatewayServer } from '../../../stack/gateway/http/server.ts';
import type { TransportFactory, UpstreamHandler } from '../../../stack/gateway/upstream/transport.ts';
import { FakeClock } from '../../fake-clock.ts';

test('a hung upstream takes four attempts in virtual time, and every call is cancelled', async () => {
  // 4 × 60 s for an unstreamed response plus backoffs of 1, 2 and 4 s: 247 s of virtual time, each deadline at most 20 ms late.
  const clock = new FakeClock();
  const cancelledAtMs: number[] = [];
  const transport: TransportFactory = () => ({
    send: (_request, handler) => {
      queueMicrotask(() => handler.onConnected());
      return { cancel: () => cancelledAtMs.push(clock.nowMs()), pause: () => {}, resume: () => {} };
    },
    close: async () => {},
  });
  const retries = { maxRetries: 3, baseDelayMs: 1000, maxDelayMs: 4000, jitter: 'none' } as const;
  const response = await sendOver({ retries }, transport, clock, 250_000);
  expect(response).toContain('504 Gateway Timeout');
  expect(response).toContain('x-squall-attempts: 4');
  const expected = [60_000, 121_000, 183_000, 247_000];
  expect(cancelledAtMs).toHaveLength(4);
  for (const [index, atMs] of cancelledAtMs.entries()) {
    expect(atMs).toBeGreaterThanOrEqual(expected[index]!);
    expect(atMs).toBeLessThanOrEqual(expected[index]! + 20 * (index + 1));
  }
});

test('the same request succeeds on an upstream that takes 59 s', async () => {
  const clock = new FakeClock();
  const transport: TransportFactory = () => ({
    send: (_request, handler) => {
      void respondAfter(59_000, handler, clock);
      return { cancel: () => {}, pause: () => {}, resume: () => {} };
    },
    close: async () => {},
  });
  expect(await sendOver({}, transport, clock, 60_000)).toContain('200 OK');
});

async function respondAfter(durationMs: number, handler: UpstreamHandler, clock: FakeClock): Promise<void> {
  handler.onConnected();
  await clock.sleep(durationMs);
  handler.onResponse(200, { 'content-type': 'application/json' });
  handler.onData(Buffer.from('{}'));
  handler.onEnd();
}

/** Sends one request over a pair of streams and returns the raw response after `forMs` of virtual time. */
async function sendOver(
  config: Partial<GatewayConfigInput>,
  transport: TransportFactory,
  clock: FakeClock,
  forMs: number,
): Promise<string> {
  const text = JSON.stringify({
    healthChecks: 'off',
    ejection: 'off',
    upstreams: [{ name: 'one', url: 'http://one' }],
    ...config,
  });
  const log = pino({ enabled: false });
  const options = { config: parseGatewayConfig(text), clock, random: seededRandom(1), transport, log };
  await using gateway = new Gateway(options);
  const [client, server] = duplexPair();
  createGatewayServer(gateway).emit('connection', server);
  const body = '{"model":"tiny","messages":[{"role":"user","content":"hi"}]}';
  client.write(`POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  const received = once(client, 'data');
  await new Promise(resolve => setTimeout(resolve, 20));
  await clock.advance(forMs);
  return String((await received)[0]);
}
