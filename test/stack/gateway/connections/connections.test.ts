import type { IncomingMessage, ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import pino from 'pino';
import { Counter } from 'prom-client';
import { expect, test } from 'vitest';
import { Connections } from '../../../../stack/gateway/connections/connections.ts';
import { ForcedCloses } from '../../../../stack/gateway/connections/forced-closes.ts';
import { checkIntervalMs, connectionLimitsSchema } from '../../../../stack/gateway/connections/limits.ts';
import { FakeClock } from '../../../fake-clock.ts';

const counter = () => new Counter({ name: 'closed', help: '-', labelNames: ['reason'], registers: [] });

/** Socket with scripted numbers of bytes written and bytes pending. */
interface ScriptedSocket extends PassThrough {
  bytesWritten: number;
  pending: number;
}

function scriptedSocket(): ScriptedSocket {
  const socket = Object.assign(new PassThrough(), { bytesWritten: 0, pending: 0 });
  return Object.defineProperty(socket, 'writableLength', { get: () => socket.pending });
}

/** When a socket was closed, with `step` applied every 100 ms; undefined when it is still open after `forMs`. */
async function closedAfter(
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

test('a client that reads nothing loses its connection at most two checks after the deadline', async () => {
  // 4000 ms: checked every 500 ms.
  const atMs = await closedAfter(4000, 20_000, stuck);
  expect(atMs).toBeGreaterThanOrEqual(4000);
  expect(atMs).toBeLessThanOrEqual(4000 + 2 * 500);
});

test.each<[string, number | 'off', (socket: ScriptedSocket, atMs: number) => void]>([
  ['nothing is pending, as between two tokens of a stream', 4000, () => {}],
  [
    'it reads a little every 3 s',
    4000,
    (socket, atMs) => {
      stuck(socket);
      socket.pending -= Math.floor(atMs / 3000);
    },
  ],
  [
    'it reads as fast as data arrives, so that the pending amount is constant',
    4000,
    (socket, atMs) => {
      socket.pending = 40_000;
      socket.bytesWritten = 40_000 + atMs;
    },
  ],
  ['the limit is off', 'off', stuck],
])('a slow reader keeps its connection when %s', async (_, sendMs, step) => {
  expect(await closedAfter(sendMs, 60_000, step)).toBeUndefined();
});

interface Step {
  readonly request: object;
  readonly response: object;
  readonly socket: PassThrough;
  readonly send: () => void;
  readonly atMs: number;
}

/** When and why a connection with one finished request was closed, with `step` applied every 100 ms; undefined when it is still open after 60 s. */
async function idleUntil(input: Parameters<typeof connectionLimitsSchema.parse>[0], step: (now: Step) => void) {
  const clock = new FakeClock();
  const counted = counter();
  const limits = connectionLimitsSchema.parse(input);
  const connections = new Connections(limits, { clock, log: pino({ enabled: false }), counter: counted });
  const socket = new PassThrough();
  const request = { socket, rawHeaders: [], complete: true };
  const response = { writableFinished: true, destroyed: false, req: request };
  const send = () =>
    void connections.admit(request as unknown as IncomingMessage, response as unknown as ServerResponse);
  connections.accept(socket);
  send();
  for (let atMs = 0; atMs < 60_000; atMs += 100) {
    step({ request, response, socket, send, atMs });
    await clock.advance(100);
    if (connections.closeReasonOf(socket)) return { atMs: atMs + 100, reason: connections.closeReasonOf(socket) };
  }
  return undefined;
}

/** Checked every 250 ms. Node's own deadlines have closed connections 2 × 250 ms after both. */
const KEPT = { keepAliveMs: 4000, headersMs: 2000, sendMs: 'off' } as const;

test('a connection without a next request is closed after the keep-alive and header timeouts', async () => {
  const closed = await idleUntil(KEPT, () => {});
  expect(closed?.reason).toBe('idle');
  expect(closed?.atMs).toBeGreaterThan(4000 + 2000 + 2 * 250);
  expect(closed?.atMs).toBeLessThanOrEqual(4000 + 2000 + 5 * 250);
});

test.each<[string, object, (now: Step) => void]>([
  ['it sends another request in time', KEPT, ({ send, atMs }) => void (atMs % 3900 === 0 && send())],
  ['its response is in progress', KEPT, ({ response }) => void Object.assign(response, { writableFinished: false })],
  [
    'its response was sent before its body was complete',
    KEPT,
    ({ request }) => void Object.assign(request, { complete: false }),
  ],
  ['it is already being closed', KEPT, ({ socket }) => void socket.end()],
  ['the keep-alive timeout is off', { ...KEPT, keepAliveMs: 'off' }, () => {}],
  ['the header timeout is off', { ...KEPT, headersMs: 'off' }, () => {}],
])('an idle connection stays open when %s', async (_, limits, step) => {
  expect(await idleUntil(limits, step)).toBeUndefined();
});

test.each([
  [{}, 1000],
  [{ headersMs: 2000 }, 250],
  [{ sendMs: 100 }, 25],
  [{ keepAliveMs: 400 }, 50],
  [{ headersMs: 'off', sendMs: 'off', keepAliveMs: 'off' }, 1000],
])('%j is checked every %i ms', (input, intervalMs) => {
  expect(checkIntervalMs(connectionLimitsSchema.parse(input))).toBe(intervalMs);
});

test('forced closes are all counted, and logged once a second per reason', async () => {
  const clock = new FakeClock();
  const lines: { reason: string; count: number }[] = [];
  const log = pino({ base: null }, { write: (line: string) => lines.push(JSON.parse(line)) });
  const counted = counter();
  const closes = new ForcedCloses({ clock, log, counter: counted });
  for (let i = 0; i < 100; i += 1) {
    closes.record({}, 'slow-reader', '192.0.2.1');
    if (i < 2) closes.record({}, 'slow-headers');
    closes.record({}, 'idle');
    await clock.advance(15);
  }
  await clock.advance(5000);
  const logged = (reason: string) => lines.filter(line => line.reason === reason).map(line => line.count);
  // Over 1.5 s: the first at once, those of the first second, the rest.
  expect(logged('slow-reader')).toHaveLength(3);
  expect(logged('slow-reader').reduce((sum, count) => sum + count)).toBe(100);
  expect(logged('slow-headers')).toEqual([1, 1]);
  expect(logged('idle')).toEqual([]);
  const values = (await counted.get()).values.map(({ labels, value }) => [labels.reason, value]);
  expect(Object.fromEntries(values)).toEqual({ 'slow-reader': 100, 'slow-headers': 2, idle: 100 });
});
