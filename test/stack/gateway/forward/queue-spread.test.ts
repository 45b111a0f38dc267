import { duplexPair } from 'node:stream';
import pino from 'pino';
import { expect, test } from 'vitest';
import { seededRandom } from '../../../../harness/random.ts';
import { parseGatewayConfig } from '../../../../stack/gateway/config.ts';
import { Gateway } from '../../../../stack/gateway/gateway.ts';
import { createGatewayServer } from '../../../../stack/gateway/http/server.ts';
import type { TransportFactory } from '../../../../stack/gateway/upstream/transport.ts';
import { FakeClock } from '../../../fake-clock.ts';

const HELD = 60;
/** Each upstream serves four requests at a time, each of which takes a second; the others wait in it. */
const [SLOTS, SERVICE_MS] = [4, 1000];
/** Upstreams become ready one after the other: their checks pass from then on, and come every 500 ms ± 10 %. */
const READY_MS: Readonly<Record<string, number>> = { one: 5000, two: 6000, three: 7000 };

interface Engine {
  running: number;
  readonly waiting: (() => void)[];
  served: number;
  mostWaiting: number;
}

/** Serves requests that were held before any upstream was ready, and as many that come later. */
async function run(perUpstream: number) {
  const clock = new FakeClock();
  const engines = new Map<string, Engine>();
  const transport: TransportFactory = url => {
    const name = String(url).replace(/^http:\/\/|\/$/g, '');
    const engine: Engine = { running: 0, waiting: [], served: 0, mostWaiting: 0 };
    engines.set(name, engine);
    const next = () => {
      if (engine.running >= SLOTS) return;
      const begin = engine.waiting.shift();
      if (!begin) return;
      engine.running += 1;
      begin();
    };
    return {
      send: ({ path }, handler) => {
        const respond = (status: number, text: string) => {
          handler.onResponse(status, { 'content-type': 'application/json' });
          handler.onData(Buffer.from(text));
          handler.onEnd();
        };
        handler.onConnected();
        if (path === '/readyz') queueMicrotask(() => respond(clock.nowMs() >= READY_MS[name]! ? 200 : 503, ''));
        else {
          engine.waiting.push(() =>
            clock.after(SERVICE_MS, () => {
              engine.running -= 1;
              engine.served += 1;
              respond(200, '{"choices":[{"message":{"content":"hi"}}]}');
              next();
            }),
          );
          next();
          engine.mostWaiting = Math.max(engine.mostWaiting, engine.waiting.length);
        }
        return { cancel: () => {}, pause: () => {}, resume: () => {} };
      },
      close: async () => {},
    };
  };
  const upstreams = Object.keys(READY_MS).map(name => ({ name, url: `http://${name}` }));
  const healthChecks = { intervalMs: 500 };
  const config = parseGatewayConfig(JSON.stringify({ queue: { perUpstream }, upstreams, healthChecks }));
  await using gateway = new Gateway({
    ...{ config, clock, random: seededRandom(1), transport, log: pino({ enabled: false }) },
  });
  gateway.start();
  const doneMs: number[] = [];
  const order: number[] = [];
  const send = (id: number) => {
    const [own, server] = duplexPair();
    const sinceMs = clock.nowMs();
    own.on('data', chunk => {
      if (!String(chunk).includes('200 OK')) return;
      order.push(id);
      doneMs.push(clock.nowMs() - sinceMs);
    });
    createGatewayServer(gateway).emit('connection', server);
    const body = '{"model":"m","messages":[{"role":"user","content":"hi"}]}';
    own.write(`POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  };
  const settle = () => new Promise(resolve => setTimeout(resolve, 2));
  for (let id = 0; id < HELD; id += 1) send(id);
  await new Promise(resolve => setTimeout(resolve, 50));
  for (let ms = 0; ms < 25_000 && doneMs.length < HELD + 1; ms += 50) {
    await clock.advance(50);
    // One that comes when the first upstream is ready waits behind those before it.
    if (clock.nowMs() === 6000) send(HELD);
    await settle();
  }
  return { engines, order, maxMs: Math.max(...doneMs), count: doneMs.length };
}

test('held requests are spread over the upstreams as these become ready, and none gets more than its part at a time', async () => {
  const { engines, count, maxMs, order } = await run(8);
  expect(count).toBe(HELD + 1);
  const all = [...engines.values()];
  // Four of the eight are served, so that four wait.
  for (const { mostWaiting } of all) expect(mostWaiting).toBeLessThanOrEqual(8 - SLOTS);
  // 61 seconds of work: the first has 2 s of its own, and then three work side by side, until 5 + (61 + 4 + 8) / 12 = 11.1 s.
  for (const { served } of all) expect(served).toBeGreaterThan(12);
  expect(maxMs).toBeGreaterThanOrEqual(11_000);
  expect(maxMs).toBeLessThanOrEqual(13_500);
  expect(order.indexOf(HELD)).toBeGreaterThan(HELD - 3 * 8);
});

test('without a limit the first one gets them all, which takes as long as if there were no other', async () => {
  const { engines, maxMs } = await run(10_000);
  const { mostWaiting, served } = engines.get('one')!;
  expect(mostWaiting).toBeGreaterThanOrEqual(HELD - SLOTS);
  expect(served).toBeGreaterThanOrEqual(HELD);
  // 5 + 60 / 4 = 20 s.
  expect(maxMs).toBeGreaterThan(19_500);
});
