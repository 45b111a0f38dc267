import { expect, test } from 'vitest';
import { until } from '../../../until.ts';
import { chat, startGateway } from '../fixtures/gateway-process.ts';
import { hangs, responds, startUpstream } from '../fixtures/scripted-upstream.ts';

const single = { healthChecks: 'off', retries: 0 } as const;

test.each([
  ['streamed', true],
  ['unstreamed', false],
])('a hung upstream yields 504 and its socket is closed (%s)', async (_name, stream) => {
  await using upstream = await startUpstream(hangs);
  const upstreams = [{ name: 'one', url: upstream.url }];
  const timeouts = { firstByteMs: 200, unstreamedFirstByteMs: 200 };
  await using gateway = await startGateway({ ...single, upstreams, timeouts });
  const startMs = performance.now();
  const response = await chat(gateway, { stream });
  // 200 ms is the bound; the client's timer and the gateway's differ by what the request took to arrive.
  expect(performance.now() - startMs).toBeGreaterThan(180);
  expect(response.status).toBe(504);
  expect(await response.json()).toMatchObject({ error: { code: 'upstream_timeout', type: 'server_error' } });
  expect(await until(() => upstream.openRequests() === 0)).toBeLessThan(1000);
});

test('a slow upstream within its timeout succeeds', async () => {
  await using upstream = await startUpstream(responds('late', 300));
  const upstreams = [{ name: 'one', url: upstream.url }];
  await using gateway = await startGateway({ ...single, upstreams, timeouts: { unstreamedFirstByteMs: 5000 } });
  expect((await chat(gateway)).status).toBe(200);
});

test('a client’s shorter deadline applies, and the upstream receives the remaining time', async () => {
  await using upstream = await startUpstream(hangs);
  const upstreams = [{ name: 'one', url: upstream.url }];
  await using gateway = await startGateway({ ...single, upstreams });
  const response = await chat(gateway, { headers: { 'x-request-timeout-ms': '250' } });
  expect([response.status, await codeOf(response)]).toEqual([504, 'deadline_exceeded']);
  const remainingMs = Number(upstream.received[0]!.headers['x-request-timeout-ms']);
  expect(remainingMs).toBeGreaterThan(0);
  expect(remainingMs).toBeLessThanOrEqual(250);
  expect(await until(() => upstream.openRequests() === 0)).toBeLessThan(1000);
});

test('waiting for a free connection times out', async () => {
  // The only connection is in use by a request that hangs, so the second request can never be sent.
  await using upstream = await startUpstream(hangs);
  const upstreams = [{ name: 'one', url: upstream.url }];
  const timeouts = { connectMs: 200 };
  await using gateway = await startGateway({ ...single, upstreams, timeouts, maxConnectionsPerUpstream: 1 });
  const first = chat(gateway, { headers: { 'x-request-timeout-ms': '1500' } });
  expect(await until(() => upstream.openRequests() === 1)).toBeLessThan(1000);
  const second = await chat(gateway);
  expect([second.status, await codeOf(second)]).toEqual([504, 'upstream_connect_timeout']);
  await first;
  expect(upstream.received).toHaveLength(1);
});

async function codeOf(response: Response): Promise<string> {
  return ((await response.json()) as { error: { code: string } }).error.code;
}
