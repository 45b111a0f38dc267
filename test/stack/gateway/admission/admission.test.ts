import { createHash } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import type { AdmissionConfig } from '../../../../stack/gateway/admission/config.ts';
import { isOffPeak } from '../../../../stack/gateway/admission/off-peak.ts';
import { type GatewayConfigInput, parseGatewayConfig } from '../../../../stack/gateway/config.ts';
import { HeldUpstreams } from '../fixtures/held-upstreams.ts';

let held: HeldUpstreams;

function start(admission: GatewayConfigInput['admission'], more: Partial<GatewayConfigInput> = {}): void {
  held = new HeldUpstreams({ admission, ...more });
}
const inUse = async () => {
  const levels = ['urgent', 'interactive', 'normal', 'batch'];
  const counts = await Promise.all(levels.map(level => held.metric(`gateway_admission_in_use{level="${level}"}`)));
  return counts.reduce((sum, count) => sum + count, 0);
};

afterEach(() => held?.[Symbol.asyncDispose]());

describe('admission', () => {
  test('as many requests as there are slots are forwarded, the next one when a slot is free', async () => {
    start({ capacity: 2, reservedRatio: 0 });
    const clients = ['a', 'b', 'c'].map(id => held.client(id));
    await held.advance(100);
    expect([...held.working.keys()]).toEqual(['a', 'b']);
    expect(await held.metric('gateway_admission_waiting{level="normal"}')).toBe(1);
    await held.complete('b');
    expect([...held.working.keys()]).toEqual(['a', 'c']);
    expect(clients[1]!.text).toMatch(/200 OK.*x-priority: 2/s);
    await held.complete('a');
    await held.complete('c');
    expect(await inUse()).toBe(0);
    expect(await held.metric('gateway_admission_requests_total{level="normal",end="admitted"}')).toBe(3);
  });

  test('interactive requests wait for at most 500 ms, and get a 503, or the next level if they allow it', async () => {
    start({ capacity: 1, otherKeys: { level: 'interactive' } });
    held.client('a');
    await held.advance(0);
    const rejected = held.client('b');
    const downgraded = held.client('c', { 'x-priority-downgrade': 'allow' });
    await held.advance(440);
    expect(rejected.text).toBe('');
    await held.advance(60);
    expect(rejected.text).toMatch(/503.*retry-after: 1\r\n.*admission_timeout/is);
    await held.advance(1000);
    expect(downgraded.text).toBe('');
    await held.complete('a');
    await held.complete('c');
    expect(downgraded.text).toMatch(/200 OK.*x-priority: 2/s);
    expect(await held.metric('gateway_admission_downgrades_total{level="interactive"}')).toBe(1);
    expect(await inUse()).toBe(0);
  });

  test('a client that leaves, and a deadline that passes, free their places at once', async () => {
    start({ capacity: 1 });
    const first = held.client('a');
    await held.advance(0);
    const gone = held.client('b');
    const late = held.client('c', { 'x-request-timeout-ms': 50 });
    held.client('d');
    await held.advance(0);
    gone.leave();
    await held.advance(0);
    expect(await held.metric('gateway_admission_waiting{level="normal"}')).toBe(2);
    await held.advance(80);
    expect(late.text).toMatch(/504.*deadline_exceeded/s);
    // One in progress, too: the upstream's work ends, and its slot is the next one's.
    first.leave();
    await held.advance(0);
    expect([...held.working.keys()]).toEqual(['d']);
    await held.complete('d');
    expect(await inUse()).toBe(0);
  });

  test('a full level rejects the key with the most requests, with a 429', async () => {
    const keys = ['flood', 'other'];
    const apiKeyHashes = keys.map(key => createHash('sha256').update(key).digest('hex'));
    start({ capacity: 1, levels: { normal: { maxWaiting: 3 } } }, { apiKeyHashes });
    const of = (key: string) => ({ authorization: `Bearer ${key}` });
    const flood = ['a', 'b', 'c', 'd', 'e'].map(id => held.client(id, of('flood')));
    await held.advance(0);
    expect(flood[4]!.text).toMatch(/429.*retry-after: 1\r\n.*admission_full/is);
    const other = held.client('f', of('other'));
    await held.advance(0);
    expect(flood[3]!.text).toMatch(/429/);
    // Its turn comes before the rest of the flood.
    await held.advance(100);
    await held.complete('a');
    await held.advance(100);
    if (!held.working.has('f')) await held.complete('b');
    await held.complete('f');
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
        const own = held.client(id, {
          authorization: `Bearer ${key}`,
          ...(priority !== undefined && { 'x-priority': priority }),
        });
        await held.advance(0);
        if (held.working.has(id)) await held.complete(id);
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
    held.client('slow');
    await held.advance(200);
    await held.complete('slow');
    expect(await held.metric('gateway_admission_limit')).toBe(2);
    for (const round of [1, 2, 3]) {
      const pair = [`a${round}`, `b${round}`];
      for (const id of pair) held.client(id);
      await held.advance(10);
      for (const id of pair) await held.complete(id);
    }
    expect(await held.metric('gateway_admission_limit')).toBe(3);
  });

  test('requests that are admitted while no upstream is healthy wait in the queue for one, and no more than there are slots', async () => {
    start({ capacity: 2, reservedRatio: 0 }, { queue: {}, healthChecks: { intervalMs: 1000 } });
    held.isReady = false;
    for (const id of ['a', 'b', 'c']) held.client(id);
    await held.advance(5000);
    expect(await held.metric('gateway_requests_queued')).toBe(2);
    expect(await held.metric('gateway_admission_waiting{level="normal"}')).toBe(1);
    held.isReady = true;
    await held.advance(2500);
    expect([...held.working.keys()]).toEqual(['a', 'b']);
    await held.complete('a');
    await held.complete('b');
    await held.complete('c');
    expect(await inUse()).toBe(0);
  });

  test('reserved slots are used by others once no urgent request has come for a while', async () => {
    start({ capacity: 5, reservedIdleMs: 1000, otherKeys: { best: 'urgent' } });
    held.client('u', { 'x-priority': 0 });
    await held.advance(0);
    for (const id of ['a', 'b', 'c', 'd', 'e']) held.client(id);
    await held.advance(0);
    expect(held.working.size).toBe(5);
    await held.complete('u');
    expect(held.working.size).toBe(4);
    await held.advance(950);
    expect(held.working.size).toBe(4);
    await held.advance(200);
    expect(held.working.size).toBe(5);
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
  expect(isOffPeak(window, new Date(`2030-01-31T${time}:00Z`))).toBe(expected);
});

test.each<[object, string]>([
  [{ capacity: 0 }, '`admission.capacity`'],
  [{ capacity: { min: 5, max: 4 } }, '`admission.capacity.max`: must be at least `min` 5'],
  [{ capacity: { initial: 2 } }, '`admission.capacity.initial`: must be 4 to 1000'],
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
  const config = { upstreams: [{ name: 'a', url: 'http://a' }], admission };
  expect(() => parseGatewayConfig(JSON.stringify(config))).toThrow(message);
});
