import { once } from 'node:events';
import { duplexPair } from 'node:stream';
import pino from 'pino';
import { expect, test } from 'vitest';
import { FakeClock } from '../../../harness/clock.ts';
import { seededRandom } from '../../../harness/random.ts';
import { type GatewayConfigInput, parseGatewayConfig } from '../../../stack/gateway/config.ts';
import { Gateway } from '../../../stack/gateway/gateway.ts';
import { createGatewayServer } from '../../../stack/gateway/http/server.ts';
import type { TransportFactory, UpstreamHandler } from '../../../stack/gateway/upstream/transport.ts';

test('a hung upstream costs four attempts and no real time, and every call is cancelled', async () => {
  // 4 × 60 s for an answer in one piece, plus waits of 1, 2 and 4 s: 247 s of virtual time, 20 ms late at most each.
  const clock = new FakeClock();
  const cancelledAtMs: number[] = [];
  const transport: TransportFactory = () => ({
    send: (_request, handler) => {
      queueMicrotask(() => handler.connected());
      return { cancel: () => cancelledAtMs.push(clock.nowMs()), pause: () => {}, resume: () => {} };
    },
    close: async () => {},
  });
  const retries = { max: 3, baseMs: 1000, maxMs: 4000, jitter: 'none' } as const;
  const answer = await ask({ retries }, transport, clock, 250_000);
  expect(answer).toContain('504 Gateway Timeout');
  expect(answer).toContain('x-squall-attempts: 4');
  const expected = [60_000, 121_000, 183_000, 247_000];
  expect(cancelledAtMs).toHaveLength(4);
  for (const [index, atMs] of cancelledAtMs.entries()) {
    expect(atMs).toBeGreaterThanOrEqual(expected[index]!);
    expect(atMs).toBeLessThanOrEqual(expected[index]! + 20 * (index + 1));
  }
});

test('the same request is answered by an upstream that needs 59 s', async () => {
  const clock = new FakeClock();
  const transport: TransportFactory = () => ({
    send: (_request, handler) => {
      void answerAfter(59_000, handler, clock);
      return { cancel: () => {}, pause: () => {}, resume: () => {} };
    },
    close: async () => {},
  });
  expect(await ask({}, transport, clock, 60_000)).toContain('200 OK');
});

async function answerAfter(durationMs: number, handler: UpstreamHandler, clock: FakeClock): Promise<void> {
  handler.connected();
  await clock.sleep(durationMs);
  handler.answered(200, { 'content-type': 'application/json' });
  handler.data(Buffer.from('{}'));
  handler.ended();
}

/** Sends one request over a pair of streams and returns the raw answer after `forMs` of virtual time. */
async function ask(
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
  const answered = once(client, 'data');
  await new Promise(resolve => setTimeout(resolve, 20));
  await clock.advance(forMs);
  return String((await answered)[0]);
}
