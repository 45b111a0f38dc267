import { describe, expect, it } from 'vitest';
import type { Ramp } from '../../harness/arrivals/arrivals.ts';
import { type ClientsPlan, DEFAULT_CONNECTIONS, type RetryPlan } from '../../harness/plan.ts';
import { requestIdOf } from '../../harness/requests.ts';
import { workloads } from '../../scenarios/load/workloads.ts';
import { until } from '../until.ts';
import { outcomesOf, quantile, runLoad, startFixture } from './rig.ts';
import { type Asked, serve, stream } from './server.ts';

const ALIKE: ClientsPlan = { connections: DEFAULT_CONNECTIONS, retry: null, clientTimeout: null, classes: [] };
const NAIVE: RetryPlan = {
  maxRetries: 3,
  baseDelayMs: 0,
  maxDelayMs: 0,
  jitter: 'none',
  retryAfter: false,
  budgetRatio: null,
};
const indexOf = ({ headers }: Asked) => Number.parseInt(String(headers['x-request-id']).split('-').at(-1)!, 10);
const few = { perSecond: 40, forMs: 500 };

describe('clients that try again', () => {
  it('make one request of several attempts, with one outcome and a latency through all of them', async () => {
    // Every third request fails twice and then succeeds.
    const tries = new Map<number, number>();
    await using server = await serve((asked, response) => {
      const index = indexOf(asked);
      tries.set(index, (tries.get(index) ?? 0) + 1);
      if (index % 3 === 0 && tries.get(index)! < 3) response.writeHead(503).end();
      else stream(response);
    });
    const retry = { ...NAIVE, baseDelayMs: 60, maxDelayMs: 1000 };
    const { records, progress, summary } = await runLoad({
      ...few,
      targets: [server.url],
      clients: { ...ALIKE, retry },
    });
    expect(outcomesOf(records)).toEqual({ ok: 20 });
    expect(records.map(({ attempts }) => attempts).reduce((a, b) => a! + b!)).toBe(server.asked.length);
    expect(progress).toMatchObject({ sent: 20, completed: 20, failed: 0 });
    expect(summary.requests).toBe(20);
    for (const record of records) {
      const { index, attempts, attemptsMs = [], attemptOutcomes, sentMs, endMs, scheduledMs, firstTokenMs } = record;
      expect(attempts).toBe(index % 3 === 0 ? 3 : 1);
      if (attempts === 1) {
        expect(record).not.toHaveProperty('attemptsMs');
        continue;
      }
      expect(attemptOutcomes).toBe('http-503 http-503 ok');
      expect(attemptsMs).toHaveLength(6);
      expect([attemptsMs[0], attemptsMs[5]]).toEqual([sentMs, endMs]);
      // Waits of 60 and 120 ms lie between them.
      expect(attemptsMs[2]! - attemptsMs[1]!).toBeGreaterThanOrEqual(59.9);
      expect(attemptsMs[4]! - attemptsMs[3]!).toBeGreaterThanOrEqual(119.9);
      expect(firstTokenMs! - scheduledMs).toBeGreaterThanOrEqual(179.9);
    }
    expect(server.asked.filter(({ headers }) => headers['x-retry-count'] === '2')).toHaveLength(7);
    // Each attempt has an id of its own, which names its record.
    const named = records.flatMap(record =>
      Array.from({ length: record.attempts! }, (_, nth) => requestIdOf(record, 'load-test', nth + 1)),
    );
    expect(server.asked.map(({ headers }) => headers['x-request-id']).sort()).toEqual(named.sort());
  });

  // The same outage of 600 ms for the same 200 requests: without retries they fail, naive ones quadruple the load, and a budget
  // keeps it down.
  it.each<[string, RetryPlan | null, number, number]>([
    ['none', null, 1, 1],
    ['naive', NAIVE, 4, 4],
    ['budgeted', { ...NAIVE, budgetRatio: 0.1 }, 1.02, 1.25],
  ])('%s: multiplies the load on a service that is down by what it should', async (_, retry, least, most) => {
    await using server = await serve((_asked, response) => void response.writeHead(503).end());
    const load = { perSecond: 200, forMs: 1000, targets: [server.url], clients: { ...ALIKE, retry } };
    const { records } = await runLoad(load);
    expect(outcomesOf(records)).toEqual({ 'http-status': 200 });
    const factor = server.asked.length / 200;
    expect(factor).toBeGreaterThanOrEqual(least);
    expect(factor).toBeLessThanOrEqual(most);
  });

  it('go to the next target, so that one dead of two costs them an attempt and no request', async () => {
    await using alive = await serve((_, response) => stream(response));
    const gone = await startFixture('answers-badly.ts');
    await gone[Symbol.asyncDispose]();
    const { records } = await runLoad({ ...few, targets: [gone.said, alive.url], clients: { ...ALIKE, retry: NAIVE } });
    expect(outcomesOf(records)).toEqual({ ok: 20 });
    expect(records.filter(({ attemptOutcomes }) => attemptOutcomes === 'connection-refused ok')).toHaveLength(10);
  });
});

describe('impatient clients', () => {
  const clientTimeout = { afterMs: { kind: 'fixed', value: 250 }, until: 'end', countAs: 'abandoned' } as const;

  it.each([
    ['abandoned', 'abandoned', 0],
    ['failed', 'client-timeout', 20],
  ] as const)('disconnect when they have waited enough, counted %s', async (countAs, outcome, failed) => {
    const closed: number[] = [];
    await using server = await serve((_, response) => response.on('close', () => closed.push(performance.now())));
    const clients = { ...ALIKE, clientTimeout: { ...clientTimeout, countAs } };
    const { records, progress } = await runLoad({ ...few, targets: [server.url], clients });
    expect(outcomesOf(records)).toEqual({ [outcome]: 20 });
    expect(progress).toMatchObject({ sent: 20, completed: 0, failed });
    // Upper bound: the machine is busy. Without clientTimeout the idle timeout of 5 s would have ended them.
    for (const { endMs, scheduledMs } of records) {
      expect(endMs - scheduledMs).toBeGreaterThanOrEqual(248);
      expect(endMs - scheduledMs).toBeLessThan(4000);
    }
    await until(() => closed.length >= 20);
    expect(closed.length).toBe(20);
  });

  it('that wait for a first token have all the time in the world once they have it', async () => {
    await using server = await startFixture('answers-badly.ts');
    const targets = [`${server.said}/falls-silent`];
    // A first token that a busy machine delays must still come within the clientTimeout.
    const longer = { ...clientTimeout, afterMs: { kind: 'fixed', value: 1000 } } as const;
    const clients = { ...ALIKE, clientTimeout: { ...longer, until: 'first-token' } } as const;
    const [waiting, leaving] = await Promise.all([
      runLoad({ ...few, idleTimeoutMs: 2000, targets, clients }),
      runLoad({ ...few, idleTimeoutMs: 2000, targets, clients: { ...ALIKE, clientTimeout: longer } }),
    ]);
    expect(outcomesOf(waiting.records)).toEqual({ 'idle-timeout': 20 });
    expect(outcomesOf(leaving.records)).toEqual({ abandoned: 20 });
  });

  it('run out of clientTimeout over all their attempts', async () => {
    await using server = await serve((_, response) => void response.writeHead(503).end());
    const retry = { ...NAIVE, maxRetries: 100, baseDelayMs: 40, maxDelayMs: 40 };
    const { records } = await runLoad({ ...few, targets: [server.url], clients: { ...ALIKE, retry, clientTimeout } });
    expect(outcomesOf(records)).toEqual({ abandoned: 20 });
    // A busy machine may leave some of them time for one alone.
    expect(
      quantile(
        records.map(({ attempts }) => attempts!),
        0.5,
      ),
    ).toBeGreaterThan(1);
    expect(
      records.every(({ attemptOutcomes = '' }) => /^http-503( http-503)*( abandoned)?$/.test(attemptOutcomes)),
    ).toBe(true);
  });
});

describe('clients that try again and are impatient', () => {
  it.each(['abandoned', 'failed'] as const)('do not try again when they have left, counted %s', async countAs => {
    await using server = await serve(() => {});
    const clientTimeout = { afterMs: { kind: 'fixed', value: 200 }, until: 'end', countAs } as const;
    const { records } = await runLoad({
      ...few,
      targets: [server.url],
      clients: { ...ALIKE, retry: NAIVE, clientTimeout },
    });
    expect(outcomesOf(records)).toEqual({ [countAs === 'failed' ? 'client-timeout' : 'abandoned']: 20 });
    // Of a client that leaves before the server looks, a busy machine shows that nothing.
    expect(server.asked.length).toBeLessThanOrEqual(20);
    expect(records.map(({ attempts }) => attempts)).toEqual(Array(20).fill(1));
  });
});

describe('classes of users', () => {
  it('come by their weights, with key, priority and requests of their own, and are told apart', async () => {
    await using server = await serve((_, response) => stream(response));
    const base = { ...workloads['chat-short'], model: 'm' };
    const small = { ...base, promptTokens: { kind: 'fixed', value: 7 } } as const;
    process.env.SQUALL_TEST_KEY = 'from-the-environment';
    const classes = [
      { name: 'vip', weight: 1, key: 'env:SQUALL_TEST_KEY', priority: 0, workload: small },
      { name: 'batch', weight: 3, workload: base },
    ];
    const load = { perSecond: 400, forMs: 1000, targets: [server.url], clients: { ...ALIKE, classes } };
    const { records } = await runLoad(load);
    const vips = records.filter(record => record.class === 'vip');
    // A quarter of 400: 100 ± 4·√(400·0.25·0.75).
    expect(Math.abs(vips.length - 100)).toBeLessThan(35);
    expect(vips.length + records.filter(record => record.class === 'batch').length).toBe(400);
    expect(new Set(vips.map(({ promptTokens }) => promptTokens))).toEqual(new Set([7]));
    const asked = new Map(server.asked.map(one => [indexOf(one), one.headers]));
    for (const { index, class: name } of records) {
      const { authorization, 'x-priority': priority } = asked.get(index)!;
      expect([authorization, priority]).toEqual(
        name === 'vip' ? ['Bearer from-the-environment', '0'] : ['Bearer test', undefined],
      );
    }
  });
});

const crowd = (users: number, forMs: number): Ramp[] => [
  { name: 'crowd', fromMs: 0, toMs: forMs, fromPerSecond: 0, toPerSecond: 0, fromUsers: users, toUsers: users },
];

describe.concurrent('a closed loop', () => {
  // Ten users, an answer of 100 ms, a think of 100 ms: ten requests every 200 ms, and never more than ten in flight. Over an
  // answer of 400 ms the same users send less than half as much: the loop slows down with the service.
  it.each([
    [100, 30, 100],
    [400, 15, 40],
  ])('never has more in flight than users, and slows down with the service (%i ms)', async (answerMs, least, most) => {
    let [now, peak] = [0, 0];
    await using server = await serve((_, response) => {
      now += 1;
      peak = Math.max(peak, now);
      setTimeout(() => {
        now -= 1;
        stream(response);
      }, answerMs);
    });
    const arrivals = { kind: 'closed', thinkTimeMs: [100, 100] } as const;
    const { records, summary } = await runLoad({ ramps: crowd(10, 2000), arrivals, targets: [server.url] });
    expect(Object.keys(outcomesOf(records))).toEqual(['ok']);
    expect(peak).toBeLessThanOrEqual(10);
    expect(records.length).toBeGreaterThan(least);
    expect(records.length).toBeLessThanOrEqual(most);
    expect(summary.requests).toBe(records.length);
    expect(records.toSorted((a, b) => a.index - b.index).map(({ index }) => index)).toEqual([...records.keys()]);
    for (const { scheduledMs, endMs } of records) expect(endMs - scheduledMs).toBeGreaterThanOrEqual(answerMs - 1);
    expect(Math.max(...records.map(({ scheduledMs }) => scheduledMs))).toBeLessThan(2000);
  });

  it('ends with its time, though users would still think', async () => {
    await using server = await serve((_, response) => stream(response));
    const arrivals = { kind: 'closed', thinkTimeMs: [0, 200_000] } as const;
    const started = performance.now();
    const { records } = await runLoad({ ramps: crowd(50, 600), arrivals, targets: [server.url] });
    expect(performance.now() - started).toBeLessThan(10_000);
    for (const { scheduledMs } of records) expect(scheduledMs).toBeLessThan(600);
  });
});

describe('sessions', () => {
  it('send each turn after the answer to the one before, with its history', async () => {
    await using server = await serve((_, response) => setTimeout(() => stream(response), 30));
    const sessions = { turns: { kind: 'fixed', value: 3 }, thinkTimeMs: [50, 80] } as const;
    const workload = { ...workloads['chat-short'], model: 'm', sessions };
    const { records } = await runLoad({ perSecond: 10, forMs: 2000, targets: [server.url], workload });
    expect(Object.keys(outcomesOf(records))).toEqual(['ok']);
    const all = Map.groupBy(records, ({ session }) => session);
    expect([...all.keys()].toSorted((a, b) => a! - b!)).toEqual([...Array(20).keys()]);
    const whole = [...all.values()].filter(turns => turns.length === 3);
    // The last sessions run into the end of the load; what would be due after it is not sent.
    expect(whole.length).toBeGreaterThan(10);
    for (const turns of whole) {
      const ordered = turns.toSorted((a, b) => a.turn! - b.turn!);
      for (const [before, after] of [ordered.slice(0, 2), ordered.slice(1)]) {
        const thoughtMs = after!.scheduledMs - before!.endMs;
        expect(thoughtMs).toBeGreaterThanOrEqual(49.99);
        expect(thoughtMs).toBeLessThanOrEqual(80.01);
        expect(after!.promptTokens).toBeGreaterThan(before!.promptTokens);
      }
    }
    const messages = server.asked.map(({ body }) => JSON.parse(body).messages.length as number);
    expect(new Set(messages)).toEqual(new Set([1, 3, 5]));
  });

  it('end where an answer fails', async () => {
    await using server = await serve((_, response) => void response.writeHead(500).end());
    const sessions = { turns: { kind: 'fixed', value: 3 }, thinkTimeMs: [0, 0] } as const;
    const workload = { ...workloads['chat-short'], model: 'm', sessions };
    const { records } = await runLoad({ ...few, targets: [server.url], workload });
    expect(outcomesOf(records)).toEqual({ 'http-status': 20 });
  });
});
