import { expect, test } from 'vitest';
import { seededRandom } from '../../../../harness/random.ts';
import { leastConnections } from '../../../../stack/gateway/balancing/balancer.ts';
import { leastReported, reportedLoad, reportOf } from '../../../../stack/gateway/balancing/load-report.ts';
import { chat, type Replica, replicas } from './candidates.ts';

const MAX_AGE_MS = 3000;

function policy(by: 'requests' | 'kvRatio') {
  const reasons: string[] = [];
  const fallback = leastConnections(seededRandom(1));
  const pick = leastReported({ by, maxAgeMs: MAX_AGE_MS, fallback, onPick: reason => reasons.push(reason) });
  return { reasons, pick: (candidates: readonly Replica[], nowMs: number) => pick(candidates, chat(), nowMs) };
}

/** A replica that reported at a moment. */
function reporting(one: Replica, atMs: number, requests: number, kvRatio = 0): Replica {
  one.report = { atMs, inFlight: one.inFlight, requests, kvRatio };
  return one;
}

test('sees what other gateways send, which connections do not show', () => {
  const [a, b, c] = replicas(1, 5, 9);
  reporting(a!, 0, 40, 0.9);
  reporting(b!, 0, 8, 0.2);
  reporting(c!, 0, 9, 0.1);
  const candidates = [a!, b!, c!];
  expect(policy('requests').pick(candidates, 1000).name).toBe('a2');
  expect(policy('kvRatio').pick(candidates, 1000).name).toBe('a3');
});

test('does not send everything to one replica until the next report', () => {
  for (const by of ['requests', 'kvRatio'] as const) {
    const candidates = replicas(0, 0, 0);
    for (const [index, one] of candidates.entries()) reporting(one, 0, 10 + index, 0.1 + index / 100);
    const { pick } = policy(by);
    for (let sent = 0; sent < 30; sent += 1) pick(candidates, 500).inFlight += 1;
    for (const { inFlight } of candidates) expect(Math.abs(inFlight - 10)).toBeLessThanOrEqual(2);
  }
});

test('a report that is too old does not count: least connections decide, and say so', () => {
  const candidates = replicas(5, 2, 4);
  for (const one of candidates) reporting(one, 0, one.inFlight === 2 ? 100 : 1);
  const { pick, reasons } = policy('requests');
  expect(pick(candidates, MAX_AGE_MS).name).not.toBe('a2');
  expect(pick(candidates, MAX_AGE_MS + 1).name).toBe('a2');
  expect(reasons).toEqual(['reported', 'stale']);
});

test('one replica without reports is compared by connections with the one that reports least', () => {
  const [silent, busy, free] = replicas(3, 1, 2);
  reporting(busy!, 0, 50);
  reporting(free!, 0, 2);
  const { pick } = policy('requests');
  expect(pick([silent!, busy!, free!], 0).name).toBe('a3');
  silent!.inFlight = 1;
  expect(pick([silent!, busy!, free!], 0).name).toBe('a1');
});

test('loads are never negative, and grow with what is sent', () => {
  const random = seededRandom(3);
  for (let round = 0; round < 1000; round += 1) {
    const [one] = replicas(random.integer(0, 20));
    reporting(one!, 0, random.integer(0, 20), random.next());
    one!.inFlight = random.integer(0, 40);
    for (const by of ['requests', 'kvRatio'] as const) {
      const load = reportedLoad(one!, by, 0, MAX_AGE_MS)!;
      expect(load).toBeGreaterThanOrEqual(0);
      expect(reportedLoad({ ...one!, inFlight: one!.inFlight + 1 }, by, 0, MAX_AGE_MS)).toBeGreaterThanOrEqual(load);
    }
  }
});

test('metrics that say nothing of load are no report', () => {
  expect(reportOf({ memoryMiB: 5 }, 0, 1)).toBeUndefined();
  expect(reportOf({ queue: 2 }, 7, 1)).toEqual({ atMs: 7, inFlight: 1, requests: 2, kvRatio: undefined });
  expect(reportOf({ kvRatio: 0.5, running: 3, queue: 1 }, 7, 1)).toMatchObject({ requests: 4, kvRatio: 0.5 });
});
