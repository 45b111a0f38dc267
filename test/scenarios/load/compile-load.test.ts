import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectedArrivals } from '../../../harness/arrivals/arrivals.ts';
import { planOf, refusal, STAGES } from '../../load/load-plans.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'squall-compile-'));
  const rows = Array.from({ length: 200 }, (_, i) => `${i / 10},${100 + i},${1 + (i % 9)}`);
  writeFileSync(join(folder, 'azure.csv'), `TIMESTAMP,ContextTokens,GeneratedTokens\n${rows.join('\n')}\n`);
  const object = (i: number) =>
    JSON.stringify({ timestamp: 1000 * i, input_length: i, output_length: i, hash_ids: [i] });
  writeFileSync(join(folder, 'mooncake.jsonl'), Array.from({ length: 30 }, (_, i) => object(i)).join('\n'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('the load of a scenario', () => {
  it('is as it always was where nothing new is asked for', () => {
    const plan = planOf(folder, {
      stages: [
        { name: 'ramp', to: '40/s', for: '5s' },
        { at: '40/s', for: '12s' },
      ],
    });
    expect(plan.load).toEqual({
      engine: 'stream',
      arrivals: 'poisson',
      ramps: [
        { name: 'warm-up', fromMs: -3000, toMs: 0, fromPerSecond: 20, toPerSecond: 20 },
        { name: 'ramp', fromMs: 0, toMs: 5000, fromPerSecond: 0, toPerSecond: 40 },
        { name: '2', fromMs: 5000, toMs: 17_000, fromPerSecond: 40, toPerSecond: 40 },
      ],
      workload: {
        name: 'chat-short',
        model: plan.load.workload.model,
        promptTokens: [32, 128],
        outputTokens: [32, 64],
      },
      maxInFlight: 1000,
      connectTimeoutMs: 2000,
      firstTokenTimeoutMs: 30_000,
      idleTimeoutMs: 15_000,
    });
    expect(plan.replay).toBe('npx squall run x.yaml');
  });

  it('shapes stages: after a spike the rate is what it was, a curve is one window', () => {
    const { load } = planOf(folder, {
      stages: [
        { name: 'base', at: '10/s', for: '10s' },
        { name: 'burst', spike: '100/s', rise: '1s', for: '4s' },
        { name: 'down', to: '0/s', for: '10s' },
        { name: 'day', sinusoid: { mean: '20/s', amplitude: '20/s', period: '30s', phase: 0.75 }, for: '60s' },
      ],
    });
    const of = (name: string) => load.ramps.filter(segment => segment.name === name);
    expect(of('burst').map(({ fromPerSecond, toPerSecond }) => [fromPerSecond, toPerSecond])).toEqual([
      [10, 100],
      [100, 100],
    ]);
    expect(of('down')[0]).toMatchObject({ fromPerSecond: 10, fromMs: 14_000 });
    expect(of('day').reduce((sum, segment) => sum + expectedArrivals(segment), 0)).toBeCloseTo(1200, 6);
    const judged = planOf(
      folder,
      { stages: [{ name: 'day', sinusoid: { mean: '2/s', amplitude: '1/s', period: '1s' }, for: '9s' }] },
      { window: 'load:day' },
    );
    expect(judged.slos[0]!.window).toBe('load:day');
  });

  it('hashes gamma arrivals, and promises none of a closed loop', () => {
    const gamma = (cv: number, seed?: number) =>
      planOf(folder, { arrivals: { kind: 'gamma', cv }, stages: STAGES }, {}, seed).arrivals;
    expect(gamma(2)).toEqual(gamma(2));
    expect(gamma(2)!.sha256).not.toBe(gamma(2.1)!.sha256);
    expect(gamma(2)!.sha256).not.toBe(gamma(2, 43)!.sha256);
    const closed = planOf(folder, {
      arrivals: 'closed',
      stages: [
        { toUsers: 8, for: '5s' },
        { users: 3, for: '5s' },
      ],
    });
    expect(closed.arrivals).toBeNull();
    expect(closed.load.arrivals).toEqual({ kind: 'closed', thinkTimeMs: [500, 2000] });
    expect(closed.load.ramps.map(({ fromUsers, toUsers }) => [fromUsers, toUsers])).toEqual([
      [4, 4],
      [0, 8],
      [3, 3],
    ]);
  });

  it('replays a trace: its rows at their times, its lengths, its hash, and a replay that insists on it', () => {
    const plan = planOf(folder, { arrivals: 'trace', trace: { file: 'azure.csv', speed: 2, from: '5s', for: '10s' } });
    // Rows of 5.0 to 14.9 s at twice the speed; the warm-up comes on top, at the trace's mean rate.
    const trace = plan.load.ramps.at(-1)!;
    expect(trace).toMatchObject({ name: 'trace', fromMs: 0, toMs: 5000, fromPerSecond: 20 });
    expect(plan.load.workload).toMatchObject({ promptTokens: { kind: 'trace' }, outputTokens: { kind: 'trace' } });
    expect(plan.arrivals!.count).toBeGreaterThan(130);
    expect(plan.arrivals!.count).toBeLessThan(190);
    expect(plan.replay).toBe(`npx squall run x.yaml --set load.trace.sha256=${plan.load.trace!.sha256}`);
    const same = { arrivals: 'trace', trace: { file: 'azure.csv', sha256: plan.load.trace!.sha256 } };
    expect(planOf(folder, same).arrivals!.count).toBeGreaterThanOrEqual(200);
    expect(
      refusal(folder, { arrivals: 'trace', trace: { file: 'mooncake.jsonl', sha256: plan.load.trace!.sha256 } }),
    ).toMatch(/mooncake\.jsonl to have the SHA-256/);
    expect(planOf(folder, { arrivals: 'trace', trace: { file: 'mooncake.jsonl' } }).load.ramps.at(-1)!.toMs).toBe(
      29_001,
    );
  });

  // Ten rows of one instant last 1 ms: as a rate that would be 10,000/s, and 30,000 requests to warm up with.
  it.each([
    ['5,1,1\n'.repeat(10), '3s', 10, 10, 10],
    ['5,1,1\n', '3s', 3, 1, 1],
    ['5,1,1\n', '10ms', 1, 1, 1],
    ['5,1,1\n6,1,1\n6,1,1\n', '6s', 6, 3, 3 / 1.001],
  ])('warms up for the burst %j in %s with %i requests', (rows, warmUp, requests, count, perSecond) => {
    writeFileSync(join(folder, 'burst.csv'), `TIMESTAMP,ContextTokens,GeneratedTokens\n${rows}`);
    const plan = planOf(folder, { arrivals: 'trace', warmUp, trace: { file: 'burst.csv' } });
    expect(plan.arrivals!.count).toBe(requests + count);
    expect(plan.load.ramps.at(-1)!.fromPerSecond).toBeCloseTo(perSecond, 6);
  });

  it('cuts months out of a trace that are replayed in hours', () => {
    const trace = { file: 'months.csv', from: '1000h', for: '1000h', speed: 1000 };
    writeFileSync(join(folder, trace.file), 'TIMESTAMP,ContextTokens,GeneratedTokens\n0,1,1\n5400000,1,1\n');
    expect(planOf(folder, { arrivals: 'trace', trace }).load.ramps.at(-1)!.toMs).toBe(3_600_000);
  });

  it('makes classes of the workload and what they change of it', () => {
    const { load } = planOf(folder, {
      stages: STAGES,
      workload: { preset: 'chat-long', duplicates: { ratio: 0.2 }, sharedPrefix: { ratio: 0.5, tokens: 200 } },
      clients: {
        retry: 'budgeted',
        clientTimeout: { after: ['1s', '3s'] },
        classes: [
          { name: 'vip', priority: 0 },
          { name: 'batch', weight: 3, workload: { outputTokens: 9 } },
        ],
      },
    });
    expect(load.workload).toMatchObject({ promptTokens: [256, 1024], duplicates: { ratio: 0.2, distinct: 10 } });
    expect(load.clients).toMatchObject({
      retry: {
        maxRetries: 3,
        baseDelayMs: 1000,
        maxDelayMs: 60_000,
        jitter: 'full',
        retryAfter: true,
        budgetRatio: 0.2,
      },
      clientTimeout: { afterMs: [1000, 3000], until: 'end', countAs: 'abandoned' },
    });
    expect(load.clients!.classes.map(({ workload }) => workload)).toEqual([
      load.workload,
      { ...load.workload, outputTokens: { kind: 'fixed', value: 9 } },
    ]);
  });

  it.each([
    ['naive', { maxRetries: 3, baseDelayMs: 0, budgetRatio: null, retryAfter: false }],
    ['exponential', { maxRetries: 3, baseDelayMs: 1000, budgetRatio: null, retryAfter: true }],
    [
      { kind: 'exponential', baseDelay: '200ms', maxRetries: 5, jitter: 'equal' },
      { maxRetries: 5, baseDelayMs: 200, jitter: 'equal' },
    ],
  ])('knows the retries %j', (retry, expected) => {
    expect(planOf(folder, { stages: STAGES, clients: { retry } }).load.clients!.retry).toMatchObject(expected);
  });
});
