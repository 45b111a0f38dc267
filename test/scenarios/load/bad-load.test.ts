import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planOf, refusal, STAGES } from '../../load/load-plans.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'squall-refuse-'));
  const head = 'TIMESTAMP,ContextTokens,GeneratedTokens';
  writeFileSync(join(folder, 'azure.csv'), `${head}\n0,1,1\n19.9,1,1\n`);
  writeFileSync(join(folder, 'header.csv'), `${head}\n`);
  writeFileSync(join(folder, 'broken.csv'), `${head}\n1,2,3\n2,x,3\n`);
});
afterAll(() => rmSync(folder, { recursive: true }));

const http = (changes: object) => ({ stages: STAGES, workload: { kind: 'http', path: '/', ...changes } });

describe('an invalid load', () => {
  it.each<[string, object, RegExp]>([
    ['a timeout beyond timers', { stages: STAGES, connectTimeout: '600h' }, /`load\.connectTimeout`.*at most 576h/],
    [
      'a clientTimeout beyond timers',
      { stages: STAGES, clients: { clientTimeout: { after: ['1s', '600h'] } } },
      /`load\.clients\.clientTimeout\.after\[1\]`.*at most 576h.*"600h"/,
    ],
    [
      'stages that are too long together',
      { stages: [1, 2].map(users => ({ users, for: '300h' })), arrivals: 'closed', warmUp: '1h' },
      /`load\.stages`.*at most 576h long.*"601h"/,
    ],
    [
      'a replay that is too long',
      { arrivals: 'trace', trace: { file: 'azure.csv', for: '600h' }, warmUp: '1h' },
      /`load\.trace`.*at most 576h long.*"601h"/,
    ],
    ['no stages', {}, /`load\.stages` to be a list of stages, got nothing/],
    [
      'two shapes',
      { stages: [{ at: '1/s', spike: '2/s', for: '1s' }] },
      /load\.stages\[0\].*expected one of `at`, `to`, `spike`/,
    ],
    ['no shape', { stages: [{ for: '1s' }] }, /`load\.stages\[0\]`.*one of `at`/],
    [
      'a rise without a spike',
      { stages: [{ at: '1/s', rise: '1s', for: '1s' }] },
      /`rise` and `fall` with a `spike` only/,
    ],
    [
      'a spike longer than its stage',
      { stages: [{ spike: '9/s', rise: '2s', fall: '2s', for: '3s' }] },
      /load\.stages\[0\]\.for.*`rise` and `fall` together, found "3s"/,
    ],
    [
      'a negative rate',
      { stages: [{ sinusoid: { mean: '1/s', amplitude: '2/s', period: '1s' }, for: '9s' }] },
      /stages\[0\]\.sinusoid\.amplitude.*found "2\/s"/,
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
    ['no users', { arrivals: 'closed', stages: [{ users: 0, for: '1s' }] }, /at least one stage with users/],
    [
      'more users than may be in flight',
      { arrivals: 'closed', maxInFlight: 5, stages: [{ users: 9, for: '1s' }] },
      /load\.maxInFlight.*the 9 users, got 5/,
    ],
    [
      'a reversed think time',
      { arrivals: { kind: 'closed', thinkTime: ['2s', '1s'] }, stages: [{ users: 1, for: '1s' }] },
      /load\.arrivals\.thinkTime/,
    ],
    ['another process', { arrivals: 'possion', stages: STAGES }, /load\.arrivals.*found "possion"/],
    ['gamma without cv', { arrivals: { kind: 'gamma' }, stages: STAGES }, /load\.arrivals\.cv/],
    ['a cv of 0', { arrivals: { kind: 'gamma', cv: 0 }, stages: STAGES }, /load\.arrivals\.cv.*found 0/],
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
    ['an empty trace', { arrivals: 'trace', trace: { file: 'header.csv' } }, /header\.csv: expected rows.*found none/],
    [
      'a part of a trace without rows',
      { arrivals: 'trace', trace: { file: 'azure.csv', from: '1h' } },
      /load\.trace.*the last row before the end is at 19\.9 s/,
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
      'a reversed range',
      { stages: STAGES, workload: { promptTokens: [9, 5], outputTokens: 5 } },
      /load\.workload\.promptTokens.*min ≤ max/,
    ],
    [
      'an unknown distribution',
      { stages: STAGES, workload: { promptTokens: { kind: 'pareto' }, outputTokens: 5 } },
      /load\.workload\.promptTokens\.kind/,
    ],
    [
      'a ratio above one',
      { stages: STAGES, workload: { preset: 'chat-short', duplicates: { ratio: 3 } } },
      /load\.workload\.duplicates\.ratio.*found 3/,
    ],
    [
      'an unknown key',
      { stages: STAGES, workload: { preset: 'chat-short', duplicate: { ratio: 0.3 } } },
      /unknown key `load\.workload\.duplicate`.*did you mean "duplicates"/,
    ],
    [
      'an unknown retry',
      { stages: STAGES, clients: { retry: 'expnential' } },
      /load\.clients\.retry.*found "expnential"/,
    ],
    [
      'an unknown key of a retry',
      { stages: STAGES, clients: { retry: { kind: 'naive', baseDelay: '1s' } } },
      /unknown key `load\.clients\.retry\.baseDelay`/,
    ],
    [
      'a maxDelay below baseDelay',
      { stages: STAGES, clients: { retry: { kind: 'exponential', maxDelay: '1ms' } } },
      /load\.clients\.retry\.maxDelay.*at least `baseDelay`, found "1ms"/,
    ],
    [
      'no clientTimeout',
      { stages: STAGES, clients: { clientTimeout: { after: 'soon' } } },
      /load\.clients\.clientTimeout\.after.*found "soon"/,
    ],
    [
      'two classes of a name',
      { stages: STAGES, clients: { classes: [{ name: 'a' }, { name: 'a' }] } },
      /load\.clients\.classes.*"a"/,
    ],
    [
      'a weight of 0',
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
    expect(refusal(folder, load)).toMatch(message);
  });

  it('names the class that an SLO asks for in vain', () => {
    const load = { stages: STAGES, clients: { classes: [{ name: 'vip' }, { name: 'batch' }] } };
    expect(planOf(folder, load, { class: 'vip' }).slos[0]).toMatchObject({ class: 'vip' });
    expect(refusal(folder, load, { class: 'vipp' })).toMatch(/slos\[0\]\.class.*vip, batch.*did you mean "vip"/);
  });
});
