import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { systemClock } from '../../../../harness/clock.ts';
import type { GatewayConfigInput } from '../../../../stack/gateway/config.ts';
import { FakeClock } from '../../../fake-clock.ts';
import { startInside } from '../fixtures/gateway-inside.ts';
import { chat, metric } from '../fixtures/gateway-process.ts';
import {
  DONE,
  type RawUpstream,
  ROLE,
  STOP,
  says,
  startRawUpstream,
  streamsRaw,
  TOKEN,
} from '../fixtures/raw-upstream.ts';

const ERROR = '{"error":{"message":"mine"}}';
const serves = streamsRaw(ROLE, TOKEN, STOP, DONE);
const turns = { balancer: 'round-robin', retries: { baseDelayMs: 1, budgetMinPerSecond: 1000 } } as const;

const named = (...upstreams: RawUpstream[]): GatewayConfigInput['upstreams'] =>
  upstreams.map(({ url }, index) => ({ name: `u${index}`, url }));
const ejections = async (gateway: { readonly url: string }) =>
  (await (await fetch(`${gateway.url}/metrics`)).text())
    .split('\n')
    .filter(line => /^gateway_ejections_total/.test(line));

test.each(['400 Bad Request', '413 Too Large', '422 Unprocessable'])(
  '%s is relayed at once and ejects nobody',
  async status => {
    await using rejecting = await startRawUpstream(says(status, ERROR));
    await using serving = await startRawUpstream(serves);
    await using gateway = await startInside({ ...turns, upstreams: named(rejecting, serving) }, systemClock);
    const responses = [];
    for (let i = 0; i < 12; i += 1) responses.push(await chat(gateway, { stream: true }));
    const rejected = responses.filter(response => response.status === Number(status.slice(0, 3)));
    expect(rejected).toHaveLength(6);
    for (const response of rejected) {
      expect([await response.text(), response.headers.get('x-squall-attempts')]).toEqual([ERROR, '1']);
    }
    expect(await ejections(gateway)).toEqual([]);
  },
);

test.each([
  ['404', says('404 No', ERROR), 404, ERROR],
  ['429', says('429 No', ERROR, 'retry-after: 7'), 429, ERROR],
  ['an error as first event', streamsRaw(`data: ${ERROR}\n\n`), 200, `data: ${ERROR}\n\n`],
  ['no token', streamsRaw(ROLE, STOP, DONE), 200, ROLE + STOP + DONE],
])('what all upstreams say alike reaches the client and ejects nobody: %s', async (_name, behaviour, status, body) => {
  await using one = await startRawUpstream(behaviour);
  await using two = await startRawUpstream(behaviour);
  await using gateway = await startInside({ ...turns, upstreams: named(one, two) }, systemClock);
  for (let i = 0; i < 8; i += 1) {
    const response = await chat(gateway, { stream: true });
    expect([response.status, await response.text()]).toEqual([status, body]);
    expect(response.headers.get('retry-after')).toBe(status === 429 ? '7' : null);
  }
  expect(await ejections(gateway)).toEqual([]);
  expect(Math.abs(one.received - two.received)).toBeLessThanOrEqual(1);
  // Once for each, and never the same upstream again.
  expect(one.received + two.received).toBe(status === 429 ? 9 : 16);
});

test('an empty response of all upstreams is an error', async () => {
  await using upstream = await startRawUpstream(says('200 OK'));
  await using gateway = await startInside({ ...turns, upstreams: named(upstream) }, systemClock);
  const response = await chat(gateway);
  expect(response.status).toBe(502);
  expect(await response.json()).toMatchObject({ error: { code: 'upstream_empty' } });
});

test('what a peer serves counts against the upstream that rejects it, by reason', async () => {
  await using rejecting = await startRawUpstream(says('404 No', ERROR));
  await using serving = await startRawUpstream(serves);
  await using gateway = await startInside({ ...turns, upstreams: named(rejecting, serving) }, systemClock);
  for (let i = 0; i < 6; i += 1) expect(await (await chat(gateway, { stream: true })).text()).toContain('hello');
  expect(await ejections(gateway)).toEqual(['gateway_ejections_total{upstream="u0",reason="rejected"} 1']);
  expect(await metric(gateway, 'gateway_retries_total', 'reason="rejected"')).toBe(3);
  expect(await metric(gateway, 'gateway_upstream_requests_total', 'upstream="u0",outcome="rejected"')).toBe(3);
  // The role of each response that was served.
  expect(await metric(gateway, 'gateway_held_chunks_total')).toBeGreaterThan(0);
});

// Ejection is off, so that only the wait keeps the upstream from its turn.
test.each([
  ['seconds', 'retry-after: 5', 5000],
  ['a date', 'retry-after: Thu, 01 Jan 1970 00:00:05 GMT', 5000],
  ['milliseconds', 'retry-after-ms: 700', 700],
  ['nothing', 'x: y', 1000],
  ['more than the maximum', 'retry-after: 86400', 30_000],
])('429 goes elsewhere, and its upstream gets nothing for as long as it asks: %s', async (_name, header, waitMs) => {
  const clock = new FakeClock();
  await using limited = await startRawUpstream(says('429 No', ERROR, header));
  await using serving = await startRawUpstream(serves);
  await using gateway = await startInside({ ...turns, ejection: 'off', upstreams: named(limited, serving) }, clock);
  const four = async () => {
    const before = limited.received;
    for (let i = 0; i < 4; i += 1) {
      const response = chat(gateway, { stream: true });
      const stepping = new AbortController();
      const settled = response.finally(() => stepping.abort());
      // The backoff is virtual.
      while (!stepping.signal.aborted) await Promise.all([clock.advance(1), sleep(1)]);
      expect(await (await settled).text()).toContain('hello');
    }
    return limited.received - before;
  };
  expect(await four()).toBe(1);
  expect(await metric(gateway, 'gateway_upstream_state', 'upstream="u0",state="rate-limited"')).toBe(1);
  const spentMs = clock.nowMs();
  await clock.advance(waitMs - spentMs - 100);
  expect(await metric(gateway, 'gateway_upstream_state', 'upstream="u0",state="rate-limited"')).toBe(1);
  await clock.advance(200);
  expect(await metric(gateway, 'gateway_upstream_state', 'upstream="u0",state="rate-limited"')).toBe(0);
  expect(await four()).toBe(1);
});

test('an ejected upstream is tried before a client is turned away, and is back if it serves', async () => {
  await using one = await startRawUpstream(serves);
  await using two = await startRawUpstream(says('404 No', ERROR));
  const ejection = { consecutiveFailures: 1, baseMs: 60_000, maxMs: 60_000 };
  await using gateway = await startInside({ ...turns, ejection, upstreams: named(one, two) }, systemClock);
  const responses = async (count: number) => {
    for (let i = 0; i < count; i += 1) expect((await chat(gateway, { stream: true })).status).toBe(200);
  };
  await responses(2);
  expect(await metric(gateway, 'gateway_upstream_state', 'upstream="u1",state="ejected"')).toBe(1);
  one.behaviour = says('404 No', ERROR);
  two.behaviour = serves;
  await responses(2);
  expect(await metric(gateway, 'gateway_upstream_state', 'upstream="u1",state="usable"')).toBe(1);
  expect(await metric(gateway, 'gateway_upstream_state', 'upstream="u0",state="ejected"')).toBe(1);
});
