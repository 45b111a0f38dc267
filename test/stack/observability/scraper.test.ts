import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { systemClock } from '../../../harness/clock.ts';
import type { Replica, RunningStack } from '../../../harness/contracts.ts';
import type { Readings } from '../../../harness/metrics.ts';
import { type ScraperOptions, scrapeReplicas } from '../../../stack/observability/scraper.ts';
import { replicaAt, serve, stackOf } from './replicas.ts';

interface Round {
  readonly takenAtMs: number;
  readonly readings: Readonly<Record<string, Readings>>;
}

/** Samples for `forMs`, then stops. Returns the rounds and how long stopping took. */
async function sampled(replicas: Replica[], forMs: number, everyMs = 100, options: ScraperOptions = {}) {
  const rounds: Round[] = [];
  const startAtMs = systemClock.nowMs();
  const record = (takenAtMs: number, readings: Round['readings']) => rounds.push({ takenAtMs, readings });
  const source = scrapeReplicas(options);
  const sampling = source.start({ stack: stackOf(...replicas), clock: systemClock, startAtMs, everyMs, record });
  await sleep(forMs);
  const stoppedAt = performance.now();
  await sampling[Symbol.asyncDispose]();
  return { rounds, startAtMs, stopMs: performance.now() - stoppedAt };
}

const queue = (waiting: number) => `vllm:num_requests_waiting{engine="0"} ${waiting}\nother 1\n`;

test('scrapes all replicas concurrently, in the middle of the timeline’s slots', async () => {
  let count = 0;
  await using one = await serve((_, response) => {
    count += 1;
    response.end(queue(count));
  });
  await using two = await serve((_, response) => void response.end(queue(7)));
  const { rounds, startAtMs } = await sampled(
    [replicaAt('inference-1', one.url), replicaAt('inference-2', two.url)],
    1040,
  );
  // Rounds at 50, 150, … 950 ms are ten; a busy machine may lose some.
  expect(rounds.length).toBeGreaterThanOrEqual(5);
  expect(rounds.length).toBeLessThanOrEqual(10);
  for (const [index, { readings }] of rounds.entries())
    expect(readings).toEqual({ 'inference-1': { queue: index + 1 }, 'inference-2': { queue: 7 } });
  // A timer may fire a millisecond early or arbitrarily late, but the median shows whether the phase is right.
  const phases = rounds.map(({ takenAtMs }) => (takenAtMs - startAtMs) % 100).sort((a, b) => a - b);
  expect(phases[Math.floor(phases.length / 2)]).toBeGreaterThanOrEqual(48);
  expect(phases[Math.floor(phases.length / 2)]).toBeLessThan(90);
});

test('replicas that hang, are unreachable, fail, flood or have no metrics are missing without affecting others', async () => {
  await using good = await serve((_, response) => void response.end(queue(1)));
  await using hangs = await serve(() => {});
  await using stalls = await serve((_, response) => void response.write(queue(1)));
  await using errs = await serve((_, response) => void response.writeHead(500).end(queue(1)));
  await using floods = await serve((_, response) => void response.end(queue(1) + '#'.repeat(9 << 20)));
  await using empty = await serve((_, response) => void response.end('<html>hello 1</html>'));
  const others = { hangs, stalls, errs, floods, empty, unreachable: { url: 'http://127.0.0.1:9' } };
  const replicas = Object.entries(others).map(([name, { url }]) => replicaAt(name, url));
  const { rounds, stopMs } = await sampled([replicaAt('good', good.url), ...replicas], 1600, 500);
  expect(rounds.length).toBeGreaterThanOrEqual(2);
  for (const { readings } of rounds) expect(readings).toEqual({ good: { queue: 1 } });
  expect(stopMs).toBeLessThan(500);
});

test('stops in the middle of a round that hangs, and records nothing afterwards', async () => {
  await using hangs = await serve(() => {});
  const { rounds, stopMs } = await sampled([replicaAt('hangs', hangs.url)], 300, 100, { timeoutMs: 60_000 });
  expect(stopMs).toBeLessThan(1000);
  const before = rounds.length;
  await sleep(250);
  expect(rounds.length).toBe(before);
});

test('scrapes only running replicas with HTTP metrics', async () => {
  const paths: string[] = [];
  await using server = await serve((request, response) => {
    paths.push(request.url!);
    response.end(queue(1));
  });
  const redis = replicaAt('redis-1', server.url.replace('http:', 'redis:'));
  const replicas = [
    replicaAt('gone-1', server.url, 'exited'),
    redis,
    { ...replicaAt('edge-1', server.url), metricsPath: undefined },
    { ...replicaAt('own-1', server.url), metricsPath: '/stats' },
  ];
  const { rounds } = await sampled(replicas, 250);
  expect(new Set(paths.map(path => path.split('?')[0]))).toEqual(new Set(['/stats']));
  expect(rounds[0]!.readings).toEqual({ 'own-1': { queue: 1 } });
});

test('a failure to record ends the sampling but not the run', async () => {
  await using good = await serve((_, response) => void response.end(queue(1)));
  let calls = 0;
  const record = () => {
    calls += 1;
    throw new Error('disk full');
  };
  const stack = stackOf(replicaAt('good', good.url));
  const job = { stack, clock: systemClock, startAtMs: systemClock.nowMs(), everyMs: 50, record };
  await using _sampling = scrapeReplicas().start(job);
  await sleep(250);
  expect(calls).toBe(1);
});

test('replicas that only their stack reaches are read through it, up to the same size', async () => {
  const asked: unknown[] = [];
  const send: RunningStack['send'] = async ({ name }, request) => {
    asked.push(request);
    return name === 'floods'
      ? { status: 200, text: `${queue(1)}${'#'.repeat(8 << 20)}` }
      : { status: 200, text: queue(3) };
  };
  const replicas = ['good', 'floods'].map(name => replicaAt(name, 'http://inside:8000'));
  const rounds: Readings[] = [];
  const record = (_: number, readings: Readings) => void rounds.push(readings);
  const stack = { ...stackOf(...replicas), reachesReplicas: false, send };
  const job = { stack, clock: systemClock, startAtMs: systemClock.nowMs(), everyMs: 100, record };
  const sampling = scrapeReplicas().start(job);
  await sleep(300);
  await sampling[Symbol.asyncDispose]();
  expect(rounds[0]).toEqual({ good: { queue: 3 } });
  expect(asked[0]).toMatchObject({ method: 'GET', path: expect.stringMatching(/^\/metrics\?name/) });
});
