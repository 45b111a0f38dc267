import type { IncomingMessage, ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import pino from 'pino';
import { Counter } from 'prom-client';
import { expect, test } from 'vitest';
import { FakeClock } from '../../../../harness/clock.ts';
import { Connections } from '../../../../stack/gateway/connections/connections.ts';
import { Evictions } from '../../../../stack/gateway/connections/evictions.ts';
import { checkIntervalMs, connectionLimitsSchema } from '../../../../stack/gateway/connections/limits.ts';

const counter = () => new Counter({ name: 'evicted', help: '-', labelNames: ['reason'], registers: [] });

/** A socket of which a test says what it has taken in and what its client has taken of that. */
interface ScriptedSocket extends PassThrough {
  bytesWritten: number;
  pending: number;
}

function scriptedSocket(): ScriptedSocket {
  const socket = Object.assign(new PassThrough(), { bytesWritten: 0, pending: 0 });
  return Object.defineProperty(socket, 'writableLength', { get: () => socket.pending });
}

/** What became of a socket after `forMs`, to which `step` did something every 100 ms. */
async function evictedAfter(
  sendMs: number | 'off',
  forMs: number,
  step: (socket: ScriptedSocket, atMs: number) => void,
): Promise<number | undefined> {
  const clock = new FakeClock();
  const limits = connectionLimitsSchema.parse({ sendMs });
  const connections = new Connections(limits, { clock, log: pino({ enabled: false }), counter: counter() });
  const socket = scriptedSocket();
  connections.accept(socket);
  for (let atMs = 0; atMs < forMs; atMs += 100) {
    step(socket, atMs);
    await clock.advance(100);
    if (socket.destroyed) return atMs + 100;
  }
  return undefined;
}

const stuck = (socket: ScriptedSocket) => {
  socket.bytesWritten = 50_000;
  socket.pending = 40_000;
};

test('a reader that takes nothing is evicted between the deadline and two looks later', async () => {
  // 4000 ms: looked at every 500.
  const atMs = await evictedAfter(4000, 20_000, stuck);
  expect(atMs).toBeGreaterThanOrEqual(4000);
  expect(atMs).toBeLessThanOrEqual(4000 + 2 * 500);
});

test.each<[string, number | 'off', (socket: ScriptedSocket, atMs: number) => void]>([
  ['nothing waits for it, for a stream between two tokens', 4000, () => {}],
  [
    'it takes a little each 3 s',
    4000,
    (socket, atMs) => {
      stuck(socket);
      socket.pending -= Math.floor(atMs / 3000);
    },
  ],
  [
    'it takes as much as comes, so that what waits stays the same',
    4000,
    (socket, atMs) => {
      socket.pending = 40_000;
      socket.bytesWritten = 40_000 + atMs;
    },
  ],
  ['there is no limit', 'off', stuck],
])('a reader is left alone when %s', async (_, sendMs, step) => {
  expect(await evictedAfter(sendMs, 60_000, step)).toBeUndefined();
});

interface Step {
  readonly request: object;
  readonly response: object;
  readonly socket: PassThrough;
  readonly ask: () => void;
  readonly atMs: number;
}

/** When a connection was evicted on which a request was answered at once, with `step` every 100 ms after that; undefined when it still is there after 60 s. */
async function idleUntil(input: Parameters<typeof connectionLimitsSchema.parse>[0], step: (now: Step) => void) {
  const clock = new FakeClock();
  const evicted = counter();
  const limits = connectionLimitsSchema.parse(input);
  const connections = new Connections(limits, { clock, log: pino({ enabled: false }), counter: evicted });
  const socket = new PassThrough();
  const request = { socket, rawHeaders: [], complete: true };
  const response = { writableFinished: true, destroyed: false, req: request };
  const ask = () =>
    void connections.admit(request as unknown as IncomingMessage, response as unknown as ServerResponse);
  connections.accept(socket);
  ask();
  for (let atMs = 0; atMs < 60_000; atMs += 100) {
    step({ request, response, socket, ask, atMs });
    await clock.advance(100);
    if (connections.evictionOf(socket)) return { atMs: atMs + 100, reason: connections.evictionOf(socket) };
  }
  return undefined;
}

/** Looked at every 250 ms. What Node's own deadlines evict is gone 2 × 250 ms after both. */
const KEPT = { keepAliveMs: 4000, headersMs: 2000, sendMs: 'off' } as const;

test('a connection on which no next request comes is evicted after the time for silence and that for headers', async () => {
  const evicted = await idleUntil(KEPT, () => {});
  expect(evicted?.reason).toBe('idle');
  expect(evicted?.atMs).toBeGreaterThan(4000 + 2000 + 2 * 250);
  expect(evicted?.atMs).toBeLessThanOrEqual(4000 + 2000 + 5 * 250);
});

test.each<[string, object, (now: Step) => void]>([
  ['it asks again in time', KEPT, ({ ask, atMs }) => void (atMs % 3900 === 0 && ask())],
  ['its answer is under way', KEPT, ({ response }) => void Object.assign(response, { writableFinished: false })],
  [
    'it was answered before its body was there',
    KEPT,
    ({ request }) => void Object.assign(request, { complete: false }),
  ],
  ['it is being told why it ends', KEPT, ({ socket }) => void socket.end()],
  ['there is no limit for silence', { ...KEPT, keepAliveMs: 'off' }, () => {}],
  ['there is none for headers', { ...KEPT, headersMs: 'off' }, () => {}],
])('a kept connection is left alone when %s', async (_, limits, step) => {
  expect(await idleUntil(limits, step)).toBeUndefined();
});

test.each([
  [{}, 1000],
  [{ headersMs: 2000 }, 250],
  [{ sendMs: 100 }, 25],
  [{ keepAliveMs: 400 }, 50],
  [{ headersMs: 'off', sendMs: 'off', keepAliveMs: 'off' }, 1000],
])('%j is looked after every %i ms', (input, intervalMs) => {
  expect(checkIntervalMs(connectionLimitsSchema.parse(input))).toBe(intervalMs);
});

test('evictions are all counted, and told of once a second for each reason', async () => {
  const clock = new FakeClock();
  const lines: { reason: string; count: number }[] = [];
  const log = pino({ base: null }, { write: (line: string) => lines.push(JSON.parse(line)) });
  const evicted = counter();
  const evictions = new Evictions({ clock, log, counter: evicted });
  for (let i = 0; i < 100; i += 1) {
    evictions.note({}, 'slow-reader', '192.0.2.1');
    if (i < 2) evictions.note({}, 'slow-headers');
    evictions.note({}, 'idle');
    await clock.advance(15);
  }
  await clock.advance(5000);
  const told = (reason: string) => lines.filter(line => line.reason === reason).map(line => line.count);
  // 1.5 s of them: the first at once, what came in the first second, the rest.
  expect(told('slow-reader')).toHaveLength(3);
  expect(told('slow-reader').reduce((sum, count) => sum + count)).toBe(100);
  expect(told('slow-headers')).toEqual([1, 1]);
  expect(told('idle')).toEqual([]);
  const values = (await evicted.get()).values.map(({ labels, value }) => [labels.reason, value]);
  expect(Object.fromEntries(values)).toEqual({ 'slow-reader': 100, 'slow-headers': 2, idle: 100 });
});
