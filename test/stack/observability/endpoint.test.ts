import { expect, test } from 'vitest';
import { systemClock } from '../../../harness/clock.ts';
import { thisMachine } from '../../../harness/host/network.ts';
import type { Readings } from '../../../harness/metrics.ts';
import { type MetricsEndpoint, reachableEndpoints } from '../../../stack/observability/endpoint.ts';
import { scrapeEndpoints } from '../../../stack/observability/scraper.ts';
import { serve, stackOf } from './replicas.ts';

const METRICS = 'vllm:num_requests_waiting 3\n';
const never = new AbortController().signal;

/** The first round of samples, which has time to be late. */
async function firstRound(endpoints: readonly MetricsEndpoint[]): Promise<Record<string, Readings>> {
  const { promise, resolve } = Promise.withResolvers<Record<string, Readings>>();
  const record = (_: number, readings: Readonly<Record<string, Readings>>) => resolve(readings);
  const job = { stack: stackOf(), clock: systemClock, startAtMs: systemClock.nowMs() - 5500, everyMs: 12_000, record };
  await using _sampling = scrapeEndpoints(endpoints).start(job);
  return await promise;
}

test('scrapes every endpoint at its checked address, by its own name and with its own key, and follows one redirect', async () => {
  const seen = new Set<string>();
  await using server = await serve((request, response) => {
    const { url, headers } = request;
    seen.add(`${headers.host} ${url} ${headers.authorization ?? '-'}`);
    // LiteLLM mounts its metrics below a slash.
    if (url === '/metrics') response.writeHead(307, { location: 'http://llm.invalid:80/metrics/' }).end();
    else response.end(METRICS);
  });
  const via = [new URL(server.url).host];
  const endpoints = [
    { name: 'one', url: 'http://llm.invalid/metrics', via, authorization: 'Bearer sk-1' },
    { name: 'two', url: 'http://gpu.invalid:9400/custom?a=b', via },
  ];
  expect(await firstRound(endpoints)).toEqual({ one: { queue: 3 }, two: { queue: 3 } });
  expect([...seen].sort()).toEqual([
    'gpu.invalid:9400 /custom?a=b -',
    'llm.invalid /metrics Bearer sk-1',
    'llm.invalid /metrics/ Bearer sk-1',
  ]);
});

test('follows no redirect to another origin, which would get the key', async () => {
  await using other = await serve((_, response) => void response.end(METRICS));
  await using server = await serve((_, response) => void response.writeHead(302, { location: other.url }).end());
  const endpoint = { name: 'a', url: `${server.url}/metrics`, authorization: 'Bearer sk-1' };
  await expect(reachableEndpoints([endpoint], thisMachine, never)).rejects.toThrow(/status 302/);
});

test('leaves the addresses that answer', async () => {
  await using server = await serve((_, response) => void response.end(METRICS));
  const { host } = new URL(server.url);
  const endpoint = { name: 'a', url: `${server.url}/metrics` };
  const found = await reachableEndpoints([{ ...endpoint, via: ['127.0.0.1:9', host] }, endpoint], thisMachine, never);
  expect(found).toEqual([{ ...endpoint, via: [host] }, endpoint]);
});

test.each([
  ['is refused', 'http://127.0.0.1:9/metrics', 'METRICS_UNREACHABLE', /refused/i],
  ['has none', '/none', 'METRICS_UNREACHABLE', /status 404/],
  ['asks for a key', '/closed', 'METRICS_UNREACHABLE', /status 401/],
  ['exports nothing that is known', '/other', 'METRICS_UNKNOWN', /vLLM, SGLang/],
])('refuses a URL that %s, before a run depends on it', async (_, url, code, why) => {
  await using server = await serve((request, response) => {
    const status = { '/none': 404, '/closed': 401 }[request.url!] ?? 200;
    response.writeHead(status).end('http_requests_total 4\n');
  });
  const full = url.startsWith('/') ? server.url + url : url;
  const refusal = reachableEndpoints([{ name: 'a', url: full }], thisMachine, never);
  await expect(refusal).rejects.toMatchObject({ code, message: expect.stringContaining(full) });
  await expect(refusal).rejects.toThrow(why);
});
