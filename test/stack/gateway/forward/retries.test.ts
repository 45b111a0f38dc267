import { afterAll, beforeAll, expect, test } from 'vitest';
import { chat, type GatewayProcess, metric, startGateway } from '../fixtures/gateway-process.ts';
import {
  type Behaviour,
  fails,
  hangs,
  hangsAfterHeaders,
  resets,
  responds,
  type ScriptedUpstream,
  startUpstream,
  unreachableUrl,
} from '../fixtures/scripted-upstream.ts';

const plain = { healthChecks: 'off', ejection: 'off', retryAfter: 'off', balancer: 'round-robin' } as const;
const quick = { maxRetries: 3, baseDelayMs: 5, budgetMinPerSecond: 100 };
const timeouts = { firstByteMs: 1000, unstreamedFirstByteMs: 1000 };

let bad: ScriptedUpstream;
let good: ScriptedUpstream;
/** Gateway with the bad upstream first in turn, the good one second, and retries. */
let retrying: GatewayProcess;
/** Gateway with the bad upstream only and no retries. */
let bare: GatewayProcess;

beforeAll(async () => {
  [bad, good] = await Promise.all([startUpstream(hangs), startUpstream(responds())]);
  const upstreams = [
    { name: 'bad', url: bad.url },
    { name: 'good', url: good.url },
  ];
  [retrying, bare] = await Promise.all([
    startGateway({ ...plain, upstreams, timeouts, retries: quick }),
    startGateway({ ...plain, upstreams: upstreams.slice(0, 1), timeouts, retries: 0 }),
  ]);
});

afterAll(async () => {
  for (const resource of [retrying, bare, bad, good]) await resource[Symbol.asyncDispose]();
});

test.each<[string, Behaviour, number]>([
  ['resets connections', resets, 502],
  ['responds with 503', fails(503), 503],
  ['responds with 502', fails(502), 502],
  ['responds with 500', fails(500), 500],
  ['responds with 429', fails(429), 429],
  ['responds with 404', fails(404), 404],
  ['hangs', hangs, 504],
  ['hangs after its headers', hangsAfterHeaders, 504],
])('retries hide an upstream that %s; without them the client sees the error', async (_name, behaviour, status) => {
  bad.behaviour = behaviour;
  const hidden = await chat(retrying);
  expect(summary(hidden)).toEqual([200, 'good', '2']);
  expect(summary(await chat(bare))).toEqual([status, 'bad', '1']);
});

test('retries hide an upstream that does not accept connections', async () => {
  const upstreams = [
    { name: 'bad', url: unreachableUrl },
    { name: 'good', url: good.url },
  ];
  await using gateway = await startGateway({ ...plain, upstreams, retries: quick });
  expect(summary(await chat(gateway))).toEqual([200, 'good', '2']);
});

test('during an outage the retry budget bounds attempts per request', async () => {
  await using upstream = await startUpstream(fails(503));
  const upstreams = [{ name: 'one', url: upstream.url }];
  const retries = { maxRetries: 3, baseDelayMs: 1, budgetRatio: 0.2, budgetMinPerSecond: 1 };
  await using gateway = await startGateway({ ...plain, upstreams, retries });
  await volley(gateway, 200);
  // 200 requests allow 40 retries, the minimum of 1/s over the 10 s window 10 more; all within the same 10 s.
  expect(upstream.received.length).toBeLessThanOrEqual(250);
  expect(upstream.received.length).toBeGreaterThan(205);
  expect(await metric(gateway, 'gateway_retries_denied_total')).toBeGreaterThan(0);
});

test('with a loose retry budget the same outage quadruples the load', async () => {
  await using upstream = await startUpstream(fails(503));
  const upstreams = [{ name: 'one', url: upstream.url }];
  const retries = { maxRetries: 3, baseDelayMs: 1, budgetRatio: 1, budgetMinPerSecond: 1000 };
  await using gateway = await startGateway({ ...plain, upstreams, retries });
  await volley(gateway, 50);
  expect(upstream.received).toHaveLength(200);
});

test('no retry starts whose backoff would exceed the deadline', async () => {
  await using upstream = await startUpstream(fails(503));
  const upstreams = [{ name: 'one', url: upstream.url }];
  const retries = { maxRetries: 3, baseDelayMs: 5000, maxDelayMs: 5000, jitter: 'none' } as const;
  await using gateway = await startGateway({ ...plain, upstreams, retries });
  const response = await chat(gateway, { headers: { 'x-request-timeout-ms': '1000' } });
  expect([response.status, upstream.received.length]).toEqual([503, 1]);
});

function summary({ status, headers }: Response): unknown[] {
  return [status, headers.get('x-squall-upstream'), headers.get('x-squall-attempts')];
}

async function volley(gateway: GatewayProcess, count: number): Promise<void> {
  for (let sent = 0; sent < count; sent += 10) {
    const batch = await Promise.all(Array.from({ length: 10 }, () => chat(gateway)));
    await Promise.all(batch.map(response => response.text()));
  }
}
