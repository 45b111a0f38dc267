import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectedArrivals } from '../../../harness/arrivals.ts';
import type { RunPlan } from '../../../harness/plan.ts';
import { compileScenario } from '../../../scenarios/compile.ts';
import { validateScenario } from '../../../scenarios/validate.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'squall-compile-'));
  const rows = Array.from({ length: 200 }, (_, i) => `${i / 10},${100 + i},${1 + (i % 9)}`);
  writeFileSync(join(folder, 'azure.csv'), `TIMESTAMP,ContextTokens,GeneratedTokens\n${rows.join('\n')}\n`);
  const object = (i: number) =>
    JSON.stringify({ timestamp: 1000 * i, input_length: i, output_length: i, hash_ids: [i] });
  writeFileSync(join(folder, 'mooncake.jsonl'), Array.from({ length: 30 }, (_, i) => object(i)).join('\n'));
  writeFileSync(join(folder, 'broken.csv'), 'TIMESTAMP,ContextTokens,GeneratedTokens\n1,2,3\n2,x,3\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

const STAGES = [{ at: '20/s', for: '10s' }];

function planOf(load: object, slo: object = {}, seed = 42): RunPlan {
  const slos = [{ name: 's', objective: 'errors <= 1%', ...slo }];
  const scenario = validateScenario({ name: 'x', why: 'y', load, slos }, 'x.yaml');
  return compileScenario(scenario, { seed, platform: 'process', replay: 'npx squall run x.yaml', folder }).plan;
}

function refusal(load: object, slo?: object): string {
  try {
    planOf(load, slo);
  } catch (error) {
    expect(error).toMatchObject({ kind: 'scenario', next: expect.any(String) });
    return (error as Error).message;
  }
  throw new Error('it was accepted');
}

describe('the load of a scenario', () => {
  it('is as it always was where nothing new is asked for', () => {
    const plan = planOf({
      stages: [
        { name: 'ramp', to: '40/s', for: '5s' },
        { at: '40/s', for: '12s' },
      ],
    });
    expect(plan.load).toEqual({
      engine: 'stream',
      arrivals: 'poisson',
      segments: [
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
      idleTimeoutMs: 15_000,
    });
    expect(plan.replay).toBe('npx squall run x.yaml');
  });

  it('shapes stages: after a spike the rate is what it was, a curve is one window', () => {
    const { load } = planOf({
      stages: [
        { name: 'base', at: '10/s', for: '10s' },
        { name: 'burst', spike: '100/s', rise: '1s', for: '4s' },
        { name: 'down', to: '0/s', for: '10s' },
        { name: 'day', sinusoid: { mean: '20/s', amplitude: '20/s', period: '30s', phase: 0.75 }, for: '60s' },
      ],
    });
    const of = (name: string) => load.segments.filter(segment => segment.name === name);
    expect(of('burst').map(({ fromPerSecond, toPerSecond }) => [fromPerSecond, toPerSecond])).toEqual([
      [10, 100],
      [100, 100],
    ]);
    expect(of('down')[0]).toMatchObject({ fromPerSecond: 10, fromMs: 14_000 });
    expect(of('day').reduce((sum, segment) => sum + expectedArrivals(segment), 0)).toBeCloseTo(1200, 6);
    const judged = planOf(
      { stages: [{ name: 'day', sinusoid: { mean: '2/s', amplitude: '1/s', period: '1s' }, for: '9s' }] },
      { window: 'load:day' },
    );
    expect(judged.slos[0]!.window).toBe('load:day');
  });

  it('hashes gamma arrivals, and promises none of a closed loop', () => {
    const gamma = (cv: number, seed?: number) =>
      planOf({ arrivals: { kind: 'gamma', cv }, stages: STAGES }, {}, seed).arrivals;
    expect(gamma(2)).toEqual(gamma(2));
    expect(gamma(2)!.sha256).not.toBe(gamma(2.1)!.sha256);
    expect(gamma(2)!.sha256).not.toBe(gamma(2, 43)!.sha256);
    const closed = planOf({
      arrivals: 'closed',
      stages: [
        { toUsers: 8, for: '5s' },
        { users: 3, for: '5s' },
      ],
    });
    expect(closed.arrivals).toBeNull();
    expect(closed.load.arrivals).toEqual({ kind: 'closed', thinkTimeMs: [500, 2000] });
    expect(closed.load.segments.map(({ fromUsers, toUsers }) => [fromUsers, toUsers])).toEqual([
      [4, 4],
      [0, 8],
      [3, 3],
    ]);
  });

  it('replays a trace: its rows at their times, its lengths, its hash, and a replay that insists on it', () => {
    const plan = planOf({ arrivals: 'trace', trace: { file: 'azure.csv', speed: 2, from: '5s', for: '10s' } });
    // Rows of 5.0 to 14.9 s at twice the speed; the warm-up comes on top, at the trace's mean rate.
    const trace = plan.load.segments.at(-1)!;
    expect(trace).toMatchObject({ name: 'trace', fromMs: 0, toMs: 5000, fromPerSecond: 20 });
    expect(plan.load.workload).toMatchObject({ promptTokens: { kind: 'trace' }, outputTokens: { kind: 'trace' } });
    expect(plan.arrivals!.count).toBeGreaterThan(130);
    expect(plan.arrivals!.count).toBeLessThan(190);
    expect(plan.replay).toBe(`npx squall run x.yaml --set load.trace.sha256=${plan.load.trace!.sha256}`);
    const same = { arrivals: 'trace', trace: { file: 'azure.csv', sha256: plan.load.trace!.sha256 } };
    expect(planOf(same).arrivals!.count).toBeGreaterThanOrEqual(200);
    expect(refusal({ arrivals: 'trace', trace: { file: 'mooncake.jsonl', sha256: plan.load.trace!.sha256 } })).toMatch(
      /mooncake\.jsonl to have the SHA-256/,
    );
    expect(planOf({ arrivals: 'trace', trace: { file: 'mooncake.jsonl' } }).load.segments.at(-1)!.toMs).toBe(29_001);
  });

  it('makes classes of the workload and what they change of it', () => {
    const { load } = planOf({
      stages: STAGES,
      workload: { preset: 'chat-long', duplicates: { share: 0.2 }, sharedPrefix: { share: 0.5, tokens: 200 } },
      clients: {
        retry: 'budgeted',
        patience: { after: ['1s', '3s'] },
        classes: [
          { name: 'vip', priority: 0 },
          { name: 'batch', weight: 3, workload: { outputTokens: 9 } },
        ],
      },
    });
    expect(load.workload).toMatchObject({ promptTokens: [256, 1024], duplicates: { share: 0.2, distinct: 10 } });
    expect(load.clients).toMatchObject({
      retry: { most: 3, baseMs: 1000, maxMs: 60_000, jitter: 'full', retryAfter: true, budgetRatio: 0.2 },
      patience: { afterMs: [1000, 3000], until: 'end', counts: 'apart' },
    });
    expect(load.clients!.classes.map(({ workload }) => workload)).toEqual([
      load.workload,
      { ...load.workload, outputTokens: { kind: 'fixed', value: 9 } },
    ]);
  });

  it.each([
    ['naive', { most: 3, baseMs: 0, budgetRatio: null, retryAfter: false }],
    ['exponential', { most: 3, baseMs: 1000, budgetRatio: null, retryAfter: true }],
    [
      { kind: 'exponential', base: '200ms', most: 5, jitter: 'equal' },
      { most: 5, baseMs: 200, jitter: 'equal' },
    ],
  ])('knows the retries %j', (retry, expected) => {
    expect(planOf({ stages: STAGES, clients: { retry } }).load.clients!.retry).toMatchObject(expected);
  });
});

const http = (changes: object) => ({ stages: STAGES, workload: { kind: 'http', path: '/', ...changes } });

describe('a load that cannot be', () => {
  it.each<[string, object, RegExp]>([
    ['no stages', {}, /`load\.stages` to be a list of stages, got nothing/],
    [
      'two shapes',
      { stages: [{ at: '1/s', spike: '2/s', for: '1s' }] },
      /load\.stages\[0\].*expected one of `at`, `to`, `spike`/,
    ],
    ['no shape', { stages: [{ for: '1s' }] }, /expected one of `at`/],
    [
      'a rise without a spike',
      { stages: [{ at: '1/s', rise: '1s', for: '1s' }] },
      /`rise` and `fall` with a `spike` only/,
    ],
    [
      'a spike that has no time',
      { stages: [{ spike: '9/s', rise: '2s', fall: '2s', for: '3s' }] },
      /load\.stages\[0\]\.for.*`rise` and `fall` together, got "3s"/,
    ],
    [
      'a negative rate',
      { stages: [{ sinusoid: { mean: '1/s', amplitude: '2/s', period: '1s' }, for: '9s' }] },
      /stages\[0\]\.sinusoid\.amplitude.*got "2\/s"/,
    ],
    [
      'too many periods',
      { stages: [{ sinusoid: { mean: '1/s', amplitude: '1/s', period: '1ms' }, for: '9s' }] },
      /sinusoid\.period/,
    ],
    [
      'users in an open loop',
      { stages: [{ users: 5, for: '1s' }] },
      /load\.stages\[0\].*did you mean `load\.arrivals: closed`\?/,
    ],
    ['a rate in a closed loop', { arrivals: 'closed', stages: STAGES }, /load\.stages\[0\].*`users` or `toUsers`/],
    ['nobody', { arrivals: 'closed', stages: [{ users: 0, for: '1s' }] }, /at least one stage with users/],
    [
      'more users than may be in flight',
      { arrivals: 'closed', maxInFlight: 5, stages: [{ users: 9, for: '1s' }] },
      /load\.maxInFlight.*the 9 users, got 5/,
    ],
    [
      'a think time that goes back',
      { arrivals: { kind: 'closed', thinkTime: ['2s', '1s'] }, stages: [{ users: 1, for: '1s' }] },
      /load\.arrivals\.thinkTime/,
    ],
    ['another process', { arrivals: 'possion', stages: STAGES }, /load\.arrivals.*found "possion"/],
    ['gamma without cv', { arrivals: { kind: 'gamma' }, stages: STAGES }, /load\.arrivals\.cv/],
    ['a cv of nothing', { arrivals: { kind: 'gamma', cv: 0 }, stages: STAGES }, /load\.arrivals\.cv.*found 0/],
    [
      'an unknown key of gamma',
      { arrivals: { kind: 'gamma', cv: 1, shap: 2 }, stages: STAGES },
      /unknown key `load\.arrivals\.shap`/,
    ],
    ['no trace', { arrivals: 'trace' }, /load\.trace.*given/],
    [
      'a trace and stages',
      { arrivals: 'trace', trace: { file: 'azure.csv' }, stages: STAGES },
      /load\.stages.*left out/,
    ],
    ['a trace that is not there', { arrivals: 'trace', trace: { file: 'none.csv' } }, /load\.trace\.file.*ENOENT/],
    [
      'a broken trace',
      { arrivals: 'trace', trace: { file: 'broken.csv' } },
      /broken\.csv, line 3, column "ContextTokens".*found "x"/,
    ],
    [
      'a cut with nothing in it',
      { arrivals: 'trace', trace: { file: 'azure.csv', from: '1h' } },
      /load\.trace.*its last one is at 19\.9 s/,
    ],
    [
      'lengths of no trace',
      { stages: STAGES, workload: { promptTokens: { kind: 'trace' }, outputTokens: 5 } },
      /load\.workload\.promptTokens.*no `load\.trace`/,
    ],
    [
      'sessions of a trace',
      { arrivals: 'trace', trace: { file: 'azure.csv' }, workload: { preset: 'chat-short', sessions: { turns: 2 } } },
      /load\.workload\.sessions/,
    ],
    ['no lengths', { stages: STAGES, workload: { promptTokens: 5 } }, /load\.workload\.outputTokens.*no `preset`/],
    [
      'a range that goes back',
      { stages: STAGES, workload: { promptTokens: [9, 5], outputTokens: 5 } },
      /load\.workload\.promptTokens.*least at most most/,
    ],
    [
      'an unknown distribution',
      { stages: STAGES, workload: { promptTokens: { kind: 'pareto' }, outputTokens: 5 } },
      /load\.workload\.promptTokens\.kind/,
    ],
    [
      'a share above one',
      { stages: STAGES, workload: { preset: 'chat-short', duplicates: { share: 3 } } },
      /load\.workload\.duplicates\.share.*found 3/,
    ],
    [
      'an unknown key',
      { stages: STAGES, workload: { preset: 'chat-short', duplicate: { share: 0.3 } } },
      /unknown key `load\.workload\.duplicate`.*did you mean "duplicates"/,
    ],
    [
      'an unknown retry',
      { stages: STAGES, clients: { retry: 'expnential' } },
      /load\.clients\.retry.*found "expnential"/,
    ],
    [
      'an unknown key of a retry',
      { stages: STAGES, clients: { retry: { kind: 'naive', base: '1s' } } },
      /unknown key `load\.clients\.retry\.base`/,
    ],
    [
      'a longest wait below the first',
      { stages: STAGES, clients: { retry: { kind: 'exponential', longest: '1ms' } } },
      /load\.clients\.retry\.longest/,
    ],
    [
      'no patience',
      { stages: STAGES, clients: { patience: { after: 'soon' } } },
      /load\.clients\.patience\.after.*got "soon"/,
    ],
    [
      'two classes of a name',
      { stages: STAGES, clients: { classes: [{ name: 'a' }, { name: 'a' }] } },
      /load\.clients\.classes.*"a"/,
    ],
    [
      'a weight of nothing',
      { stages: STAGES, clients: { classes: [{ name: 'a', weight: 0 }] } },
      /load\.clients\.classes\[0\]\.weight/,
    ],
    [
      'a key that is not set',
      { stages: STAGES, clients: { classes: [{ name: 'a', key: 'env:NO_SUCH_KEY' }] } },
      /classes\[0\]\.key.*env:NO_SUCH_KEY/,
    ],
    ['a path without a slash', http({ path: 'health' }), /load\.workload\.path/],
    ['no such method', http({ method: 'FETCH' }), /load\.workload\.method/],
    ['a body of a GET', http({ body: 'x' }), /load\.workload\.body.*GET/],
    ['no such status', http({ expect: { status: 99 } }), /load\.workload\.expect\.status/],
    [
      'an unknown expectation',
      http({ expect: { bodyContain: 'x' } }),
      /unknown key `load\.workload\.expect\.bodyContain`.*did you mean "bodyContains"/,
    ],
    ['a header that breaks out', http({ headers: { 'x-a': 'b\r\nc: d' } }), /load\.workload\.headers/],
  ])('names the field: %s', (_, load, message) => {
    expect(refusal(load)).toMatch(message);
  });

  it('names the class that an SLO asks for in vain', () => {
    const load = { stages: STAGES, clients: { classes: [{ name: 'vip' }, { name: 'batch' }] } };
    expect(planOf(load, { class: 'vip' }).slos[0]).toMatchObject({ class: 'vip' });
    expect(refusal(load, { class: 'vipp' })).toMatch(/slos\[0\]\.class.*vip, batch.*did you mean "vip"/);
  });
});
