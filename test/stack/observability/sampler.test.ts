import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { systemClock } from '../../../harness/clock.ts';
import type { Link } from '../../../harness/contracts.ts';
import { sampleStack } from '../../../stack/observability/sampler.ts';
import { serve, stackOf } from './replicas.ts';

const linkAt = (listen: string): Link => ({
  name: 'operator→prometheus',
  listen,
  upstream: '127.0.0.1:1',
  protocol: 'http',
  fromZone: undefined,
  to: 'prometheus',
});

const prometheusLogin = { username: 'squall', password: 'secret' };

/** Response to a range query with a queue of 3 at every step. */
const queueOf = (form: URLSearchParams) => {
  const [start, end, step] = ['start', 'end', 'step'].map(key => Number(form.get(key))) as [number, number, number];
  const values = Array.from({ length: Math.round((end - start) / step) + 1 }, (_, i) => [start + i * step, '3']);
  const metric = { __name__: 'vllm:num_requests_waiting', replica: 'inference-1' };
  return JSON.stringify({ status: 'success', data: { resultType: 'matrix', result: [{ metric, values }] } });
};

test.concurrent('reads every round from Prometheus once and in order, including those while it did not respond', async () => {
  let calls = 0;
  await using server = await serve(async (request, response) => {
    calls += 1;
    if (request.headers.authorization !== `Basic ${btoa('squall:secret')}`) return void response.writeHead(401).end();
    // The first two queries fail; the third returns their rounds as well.
    if (calls <= 2) return void response.writeHead(503).end();
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    response.end(queueOf(new URLSearchParams(Buffer.concat(chunks).toString())));
  });
  const stack = { ...stackOf(), links: [linkAt(new URL(server.url).host)], prometheusLogin };
  const startAtMs = systemClock.nowMs();
  const rounds: { atMs: number; readings: object }[] = [];
  const sampling = sampleStack().start({
    stack,
    clock: systemClock,
    startAtMs,
    everyMs: 1000,
    record: (atMs, readings) => rounds.push({ atMs: Math.round(atMs - startAtMs), readings }),
  });
  await sleep(4800);
  await sampling[Symbol.asyncDispose]();
  const seconds = Math.floor((systemClock.nowMs() - startAtMs - 500) / 1000) + 1;
  expect(rounds.map(({ atMs }) => atMs)).toEqual(Array.from({ length: seconds }, (_, i) => 500 + 1000 * i));
  for (const { readings } of rounds) expect(readings).toEqual({ 'inference-1': { queue: 3 } });
  const before = rounds.length;
  await sleep(1200);
  expect(rounds.length).toBe(before);
});

test.concurrent('an unresponsive Prometheus only loses its rounds', async () => {
  await using server = await serve(() => {});
  const stack = { ...stackOf(), links: [linkAt(new URL(server.url).host)] };
  const rounds: number[] = [];
  const startMs = systemClock.nowMs();
  const sampling = sampleStack().start({
    stack,
    clock: systemClock,
    startAtMs: startMs,
    everyMs: 1000,
    record: atMs => void rounds.push(atMs),
  });
  await sleep(2600);
  await sampling[Symbol.asyncDispose]();
  expect(rounds).toEqual([]);
  // At most two query timeouts of two seconds each: the pending query and the last one.
  expect(systemClock.nowMs() - startMs).toBeLessThan(8000);
});
