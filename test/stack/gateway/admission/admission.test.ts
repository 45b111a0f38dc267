import { createHash } from 'node:crypto';
import { duplexPair } from 'node:stream';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { seededRandom } from '../../../../harness/random.ts';
import type { AdmissionConfig } from '../../../../stack/gateway/admission/config.ts';
import { isOffPeak } from '../../../../stack/gateway/admission/off-peak.ts';
import { type GatewayConfigInput, parseGatewayConfig } from '../../../../stack/gateway/config.ts';
import { Gateway } from '../../../../stack/gateway/gateway.ts';
import { createGatewayServer } from '../../../../stack/gateway/http/server.ts';
import type { TransportFactory, UpstreamHandler } from '../../../../stack/gateway/upstream/transport.ts';
import { FakeClock } from '../../../fake-clock.ts';

/** What the upstream works on, by request id. */
let working: Map<string, UpstreamHandler>;
let isReady: boolean;
let clock: FakeClock;
let gateway: Gateway;

const transport: TransportFactory = () => ({
  send: ({ path, headers }, handler) => {
    const id = headers[headers.indexOf('x-request-id') + 1]!;
    queueMicrotask(() => {
      handler.onConnected();
      if (path !== '/readyz') return void working.set(id, handler);
      handler.onResponse(isReady ? 200 : 503, {});
      handler.onEnd();
    });
    return { cancel: () => void working.delete(id), pause: () => {}, resume: () => {} };
  },
  close: async () => {},
});

function start(admission: GatewayConfigInput['admission'], more: Partial<GatewayConfigInput> = {}): void {
  const upstreams = [{ name: 'one', url: 'http://one' }];
  const config = parseGatewayConfig(JSON.stringify({ healthChecks: 'off', admission, upstreams, ...more }));
  gateway = new Gateway({ config, clock, random: seededRandom(1), transport, log: pino({ enabled: false }) });
  gateway.start();
}

const settle = () => new Promise(resolve => setTimeout(resolve, 5));
async function advance(forMs: number): Promise<void> {
  await settle();
  await clock.advance(forMs);
  await settle();
}

interface Client {
  text: string;
  leave(): void;
}

function client(id: string, headers: Readonly<Record<string, string | number>> = {}): Client {
  const [own, server] = duplexPair();
  const received: Client = { text: '', leave: () => void server.destroy() };
  own.on('data', chunk => {
    received.text += String(chunk);
  });
  own.on('error', () => {});
  server.on('error', () => {});
  createGatewayServer(gateway).emit('connection', server);
  const body = JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'hi' }], stream: true });
  const all = { host: 'x', 'x-request-id': id, 'content-length': body.length, ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  own.write(`POST /v1/chat/completions HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
  return received;
}

/** The upstream completes a request. */
async function complete(id: string): Promise<void> {
  const handler = working.get(id)!;
  working.delete(id);
  handler.onResponse(200, { 'content-type': 'text/event-stream' });
  handler.onData(Buffer.from('data: {"choices":[{"delta":{"content":"hi"}}]}\n\ndata: [DONE]\n\n'));
  handler.onEnd();
  await settle();
}

async function metric(name: string): Promise<number> {
  const line = (await gateway.metrics.registry.metrics()).split('\n').find(each => each.startsWith(`${name} `));
  return Number(line?.split(' ')[1]);
}
const inUse = async () => {
  const levels = ['urgent', 'interactive', 'normal', 'batch'];
  const counts = await Promise.all(levels.map(level => metric(`gateway_admission_in_use{level="${level}"}`)));
  return counts.reduce((sum, count) => sum + count, 0);
};

beforeEach(() => {
  working = new Map();
  isReady = true;
  clock = new FakeClock();
});
afterEach(() => gateway[Symbol.asyncDispose]());

describe('admission', () => {
  test('as many requests as there are slots are forwarded, the next one when a slot is free', async () => {
    start({ capacity: 2, reservedRatio: 0 });
    const clients = ['a', 'b', 'c'].map(id => client(id));
    await advance(100);
    expect([...working.keys()]).toEqual(['a', 'b']);
    expect(await metric('gateway_admission_waiting{level="normal"}')).toBe(1);
    await complete('b');
    expect([...working.keys()]).toEqual(['a', 'c']);
    expect(clients[1]!.text).toMatch(/200 OK.*x-priority: 2/s);
    await complete('a');
    await complete('c');
    expect(await inUse()).toBe(0);
    expect(await metric('gateway_admission_requests_total{level="normal",end="admitted"}')).toBe(3);
  });

  test('interactive requests wait for at most 500 ms, and get a 503, or the next level if they allow it', async () => {
    start({ capacity: 1, otherKeys: { level: 'interactive' } });
    client('a');
    await advance(0);
    const rejected = client('b');
    const downgraded = client('c', { 'x-priority-downgrade': 'allow' });
    await advance(440);
    expect(rejected.text).toBe('');
    await advance(60);
    expect(rejected.text).toMatch(/503.*retry-after: 1\r\n.*admission_timeout/is);
    await advance(1000);
    expect(downgraded.text).toBe('');
    await complete('a');
    await complete('c');
    expect(downgraded.text).toMatch(/200 OK.*x-priority: 2/s);
    expect(await metric('gateway_admission_downgrades_total{level="interactive"}')).toBe(1);
    expect(await inUse()).toBe(0);
  });

  test('a client that leaves, and a deadline that passes, free their places at once', async () => {
    start({ capacity: 1 });
    const first = client('a');
    await advance(0);
    const gone = client('b');
    const late = client('c', { 'x-request-timeout-ms': 50 });
    client('d');
    await advance(0);
    gone.leave();
    await advance(0);
    expect(await metric('gateway_admission_waiting{level="normal"}')).toBe(2);
    await advance(80);
    expect(late.text).toMatch(/504.*deadline_exceeded/s);
    // One in progress, too: the upstream's work ends, and its slot is the next one's.
    first.leave();
    await advance(0);
    expect([...working.keys()]).toEqual(['d']);
    await complete('d');
    expect(await inUse()).toBe(0);
  });

  test('a full level rejects the key with the most requests, with a 429', async () => {
    const keys = ['flood', 'other'];
    const apiKeyHashes = keys.map(key => createHash('sha256').update(key).digest('hex'));
    start({ capacity: 1, levels: { normal: { maxWaiting: 3 } } }, { apiKeyHashes });
    const of = (key: string) => ({ authorization: `Bearer ${key}` });
    const flood = ['a', 'b', 'c', 'd', 'e'].map(id => client(id, of('flood')));
    await advance(0);
    expect(flood[4]!.text).toMatch(/429.*retry-after: 1\r\n.*admission_full/is);
    const other = client('f', of('other'));
    await advance(0);
    expect(flood[3]!.text).toMatch(/429/);
    // Its turn comes before the rest of the flood.
    await advance(100);
    await complete('a');
    await advance(100);
    if (!working.has('f')) await complete('b');
    await complete('f');
    expect(other.text).toContain('200 OK');
  });

  test('a key gets no better level than it is entitled to, and a malformed one is an error', async () => {
    const [vip, low] = ['vip', 'low'].map(key => createHash('sha256').update(key).digest('hex'));
    const keys = [
      { sha256: vip!.toUpperCase(), best: 'urgent' as const, level: 'interactive' as const },
      { sha256: low!, best: 'batch' as const },
    ];
    start({ capacity: 100, keys }, { apiKeyHashes: [vip!, low!, createHash('sha256').update('any').digest('hex')] });
    const granted = async (key: string, priority?: string) => {
      const id = `${key}-${priority}`;
      const { text } = await (async () => {
        const own = client(id, {
          authorization: `Bearer ${key}`,
          ...(priority !== undefined && { 'x-priority': priority }),
        });
        await advance(0);
        if (working.has(id)) await complete(id);
        return own;
      })();
      return /x-priority: (\d)/.exec(text)?.[1] ?? /"code":"(\w+)"/.exec(text)?.[1];
    };
    expect(await granted('vip', '0')).toBe('0');
    expect(await granted('vip')).toBe('1');
    expect(await granted('any', '0')).toBe('1');
    expect(await granted('any')).toBe('2');
    expect(await granted('low', '1')).toBe('3');
    expect(await granted('low')).toBe('3');
    expect(await granted('any', '7')).toBe('3');
    for (const bad of ['-1', '1.5', 'urgent', '10']) expect(await granted('any', bad)).toBe('invalid_priority');
    expect(await inUse()).toBe(0);
  });

  test('an adaptive limit shrinks when first tokens are late, and grows again', async () => {
    start({ capacity: { initial: 4, min: 2, max: 8, targetMs: 100, decreaseRatio: 0.5 } });
    client('slow');
    await advance(200);
    await complete('slow');
    expect(await metric('gateway_admission_limit')).toBe(2);
    for (const round of [1, 2, 3]) {
      const pair = [`a${round}`, `b${round}`];
      for (const id of pair) client(id);
      await advance(10);
      for (const id of pair) await complete(id);
    }
    expect(await metric('gateway_admission_limit')).toBe(3);
  });

  test('requests that are admitted while no upstream is healthy wait in the queue for one, and no more than there are slots', async () => {
    isReady = false;
    start({ capacity: 2, reservedRatio: 0 }, { queue: {}, healthChecks: { intervalMs: 1000 } });
    for (const id of ['a', 'b', 'c']) client(id);
    await advance(5000);
    expect(await metric('gateway_requests_queued')).toBe(2);
    expect(await metric('gateway_admission_waiting{level="normal"}')).toBe(1);
    isReady = true;
    await advance(2500);
    expect([...working.keys()]).toEqual(['a', 'b']);
    await complete('a');
    await complete('b');
    await complete('c');
    expect(await inUse()).toBe(0);
  });

  test('reserved slots are used by others once no urgent request has come for a while', async () => {
    start({ capacity: 5, reservedIdleMs: 1000, otherKeys: { best: 'urgent' } });
    client('u', { 'x-priority': 0 });
    await advance(0);
    for (const id of ['a', 'b', 'c', 'd', 'e']) client(id);
    await advance(0);
    expect(working.size).toBe(5);
    await complete('u');
    expect(working.size).toBe(4);
    await advance(950);
    expect(working.size).toBe(4);
    await advance(200);
    expect(working.size).toBe(5);
  });
});

test.each<[AdmissionConfig['offPeak'], string, boolean]>([
  ['off', '03:00', false],
  [{ from: '22:00', to: '06:00' }, '21:59', false],
  [{ from: '22:00', to: '06:00' }, '22:00', true],
  [{ from: '22:00', to: '06:00' }, '05:59', true],
  [{ from: '22:00', to: '06:00' }, '06:00', false],
  [{ from: '01:00', to: '02:00' }, '01:30', true],
  [{ from: '01:00', to: '02:00' }, '02:00', false],
])('the window %j at %s', (window, time, expected) => {
  start('off');
  expect(isOffPeak(window, new Date(`2030-01-31T${time}:00Z`))).toBe(expected);
});

test.each<[object, string]>([
  [{ capacity: 0 }, '`admission.capacity`'],
  [{ capacity: { min: 5, max: 4 } }, '`admission.capacity.max`: must be at least `min` 5, got 4'],
  [{ capacity: { initial: 2 } }, '`admission.capacity.initial`: must be 4 to 1000, got 2'],
  [{ reservedRatio: 1 }, '`admission.reservedRatio`'],
  [{ levels: { urgent: { maxWait: 1 } } }, 'unknown key `admission.levels.urgent.maxWait`'],
  [{ levels: { p1: {} } }, 'unknown key `admission.levels.p1`'],
  [{ levels: { batch: { maxRatio: 0 } } }, '`admission.levels.batch.maxRatio`'],
  [{ offPeak: { from: '24:00' } }, '`admission.offPeak.from`: must be a time of day'],
  [{ otherKeys: { best: 'normal', level: 'urgent' } }, '`admission.otherKeys.level`: must be no better than `best`'],
  [{ keys: [{ sha256: 'x' }] }, '`admission.keys.0.sha256`: must be a SHA-256'],
  [{ keys: [{ sha256: 'a'.repeat(64), weight: -1 }] }, '`admission.keys.0.weight`'],
  [{ keys: [{ sha256: 'a'.repeat(64), level: 'urgent' }] }, '`admission.keys.0.level`: must be no better than `best`'],
  [
    { keys: ['a', 'A'].map(digit => ({ sha256: digit.repeat(64) })) },
    '`admission.keys.1.sha256`: must not occur twice',
  ],
])('an error names the field: %j', (admission, message) => {
  start('off');
  const config = { upstreams: [{ name: 'a', url: 'http://a' }], admission };
  expect(() => parseGatewayConfig(JSON.stringify(config))).toThrow(message);
});
