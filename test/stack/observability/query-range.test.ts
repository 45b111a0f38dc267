import type { RequestListener } from 'node:http';
import { expect, test } from 'vitest';
import { SquallError } from '../../../harness/errors.ts';
import { thisMachine as machine } from '../../../harness/host/network.ts';
import { postForm } from '../../../stack/observability/prometheus-api.ts';
import { readSamples } from '../../../stack/observability/query-range.ts';
import { serve } from './replicas.ts';

const NEVER = new AbortController().signal;
const ZERO = 1_700_000_000_000;
const matrix = (result: unknown) => JSON.stringify({ status: 'success', data: { resultType: 'matrix', result } });

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const thrown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(SquallError);
  expect((thrown as SquallError).next).toBeTruthy();
  return (thrown as SquallError).code;
}

test('aggregates the series of each replica at each step, and keeps steps without readings', async () => {
  const metric = (name: string, replica: string, more = {}) => ({ __name__: name, replica, ...more });
  const result = [
    { metric: metric('gateway_retries_total', 'gateway-1', { reason: 'reset' }), values: [[1_700_000_000, '2']] },
    { metric: metric('gateway_retries_total', 'gateway-1', { reason: 'timeout' }), values: [[1_700_000_000, '3']] },
    {
      metric: metric('vllm:num_requests_waiting', 'b'),
      values: [
        [1_700_000_002, '7'],
        [1_700_000_003, 'NaN'],
      ],
    },
    {
      metric: metric('vllm:num_requests_waiting', 'a'),
      values: [
        [1_700_000_002, '1'],
        [1_800_000_000, '9'],
      ],
    },
  ];
  const queries: URLSearchParams[] = [];
  await using server = await serve(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    queries.push(new URLSearchParams(Buffer.concat(chunks).toString()));
    response.end(matrix(result));
  });
  const events = await readSamples({
    machine,
    url: server.url,
    startEpochMs: ZERO,
    fromMs: 0,
    toMs: 3000,
    signal: NEVER,
  });
  expect(events).toEqual([
    { atMs: 0, type: 'sample', seenMs: 0, readings: { 'gateway-1': { retries: 5 } } },
    { atMs: 1000, type: 'sample', seenMs: 1000, readings: {} },
    { atMs: 2000, type: 'sample', seenMs: 2000, readings: { a: { queue: 1 }, b: { queue: 7 } } },
    { atMs: 3000, type: 'sample', seenMs: 3000, readings: {} },
  ]);
  expect(Object.fromEntries(queries[0]!)).toMatchObject({ start: '1700000000', end: '1700000003', step: '1' });
});

// Prometheus returns at most 11,000 points per series, so 25,000 s take three queries.
test('splits a long run into queries within Prometheus’ limit', async () => {
  const spans: number[] = [];
  await using server = await serve(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const form = new URLSearchParams(Buffer.concat(chunks).toString());
    spans.push(Number(form.get('end')) - Number(form.get('start')) + 1);
    response.end(matrix([]));
  });
  const times = { startEpochMs: ZERO, fromMs: 0, toMs: 24_999_000, signal: NEVER };
  const events = await readSamples({ machine, url: server.url, ...times });
  expect(spans).toEqual([10_000, 10_000, 5000]);
  expect(events.map(({ atMs }) => atMs)).toEqual(Array.from({ length: 25_000 }, (_, i) => i * 1000));
});

test.each<[string, string, RequestListener]>([
  ['hangs', 'PROMETHEUS_UNREACHABLE', () => {}],
  ['stalls', 'PROMETHEUS_UNREACHABLE', (_, response) => void response.write('{')],
  ['is not Prometheus', 'PROMETHEUS_RESPONSE', (_, response) => void response.end('<html>')],
  ['returns null', 'PROMETHEUS_RESPONSE', (_, response) => void response.end('null')],
  ['floods', 'PROMETHEUS_RESPONSE', (_, response) => void response.end('x'.repeat(5000))],
  [
    'returns an error',
    'PROMETHEUS_ERROR',
    (_, response) => void response.writeHead(400).end('{"status":"error","error":"no"}'),
  ],
])('a server that %s is reported as %s', async (_, code, listener) => {
  await using server = await serve(listener);
  expect(
    await codeOf(
      postForm(
        server.url,
        {},
        { machine, signal: NEVER, timeoutMs: code === 'PROMETHEUS_UNREACHABLE' ? 200 : 10_000, maxBytes: 1000 },
      ),
    ),
  ).toBe(code);
});

test('an unreachable server is reported, and an abort rejects with its reason', async () => {
  const options = { machine, signal: NEVER, timeoutMs: 1000 };
  expect(await codeOf(postForm('http://127.0.0.1:9', {}, options))).toBe('PROMETHEUS_UNREACHABLE');
  await using server = await serve(() => {});
  const stopped = new AbortController();
  const pending = postForm(server.url, {}, { ...options, signal: stopped.signal });
  stopped.abort(new Error('SIGINT'));
  await expect(pending).rejects.toThrow('SIGINT');
});
