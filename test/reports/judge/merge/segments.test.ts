import { describe, expect, it } from 'vitest';
import { type Part, requireComplete } from '../../../../reports/judge/merge/segments.ts';
import { all, part, RECORDS, WHOLE_PLAN } from '../../parts.ts';

const { segment: _none, ...undivided } = part(1, 3).plan;
const MISMATCHES: readonly [string, readonly Part[], string, RegExp][] = [
  ['a missing segment', [part(1, 3), part(3, 3)], 'SEGMENT_MISSING', /1 of 3 segments is missing: 2\/3/],
  ['two missing segments', [part(2, 3)], 'SEGMENT_MISSING', /2 of 3 segments are missing: 1\/3, 3\/3/],
  [
    'a duplicate segment',
    [...all(3), { ...part(2, 3), run: 'again' }],
    'SEGMENT_TWICE',
    /run-2 and again are both segment 2 of 3/,
  ],
  [
    'another seed',
    [part(1, 2), part(2, 2, { plan: { seed: 9, slos: [] } })],
    'DIFFERENT_PLANS',
    /run-1.*run-2.*differ in .*seed.*slos|slos.*seed/,
  ],
  [
    'another schedule',
    [part(1, 2), part(2, 2, { plan: { segment: { index: 2, of: 2, whole: { count: 620, sha256: 'x' } } } })],
    'DIFFERENT_PLANS',
    /arrivals/,
  ],
  [
    'another platform, such as virtual time',
    [part(1, 2), part(2, 2, { plan: { platform: 'virtual' } })],
    'DIFFERENT_PLANS',
    /differ in .*platform/,
  ],
  [
    'another number of segments',
    [part(1, 3), part(2, 2)],
    'DIFFERENT_PLANS',
    /run-1 is one of 3 segments, run-2 one of 2/,
  ],
  ['a run of the whole load', [part(1, 3), { ...part(2, 3), plan: undivided }], 'NOT_A_SEGMENT', /run-2/],
  [
    'records of another segment',
    [part(1, 2), part(2, 2, { records: part(1, 2).records })],
    'FOREIGN_RECORD',
    /run-2.*arrival 0/,
  ],
  [
    'a duplicate record',
    [part(1, 2), part(2, 2, { records: [RECORDS[1]!, RECORDS[1]!] })],
    'FOREIGN_RECORD',
    /run-2.*two records/,
  ],
];

describe('a set of runs to merge', () => {
  it.each(MISMATCHES)('is rejected with %s, naming the runs', (_, parts, code, message) => {
    expect(() => requireComplete(parts)).toThrow(
      expect.objectContaining({ kind: 'option', code, next: expect.any(String) }),
    );
    expect(() => requireComplete(parts)).toThrow(message);
  });

  it('may differ in the number of processes', () => {
    const busy = part(2, 2, {
      plan: {
        load: { ...WHOLE_PLAN.load, workers: 4 },
        replay: 'npx squall run example --seed 1 --workers 4 --segment 2/2',
      },
    });
    expect(requireComplete([part(1, 2), busy])).toHaveLength(2);
  });

  it('may differ in the command', () => {
    const elsewhere = part(2, 2, { plan: { replay: 'npx squall run ../there/example.yaml --seed 1 --segment 2/2' } });
    expect(requireComplete([part(1, 2), elsewhere])).toHaveLength(2);
  });

  it('may differ in the path of the trace, but not in its content', () => {
    const columns = { time: 't', promptTokens: 'p', outputTokens: 'o' };
    const trace = { columns, timeUnit: 's', fromMs: 0, toMs: 1000, speed: 1 } as const;
    const replaying = (index: number, file: string, sha256: string) =>
      part(index, 2, { plan: { load: { ...WHOLE_PLAN.load, trace: { ...trace, file, sha256 } } } });
    const first = replaying(1, '/here/azure.csv', 'same');
    expect(requireComplete([first, replaying(2, '/there/azure.csv', 'same')])).toHaveLength(2);
    expect(() => requireComplete([first, replaying(2, '/here/azure.csv', 'other')])).toThrow(/differ in load/);
  });

  it('may differ in the paths of prompts, but not in their content, nor in the salt', () => {
    const drawing = (index: number, file: string, sha256: string, salt = 'abc') => {
      const workload = { name: 'w', model: 'm', promptTokens: { kind: 'prompts' }, outputTokens: [1, 2] } as const;
      const own = { ...workload, prompts: { file, sha256 } };
      const classes = [{ name: 'a', weight: 1, workload: own }];
      const clients = {
        connections: { kind: 'reuse', maxRequests: null },
        retry: null,
        clientTimeout: null,
        classes,
      } as const;
      return part(index, 2, { plan: { load: { ...WHOLE_PLAN.load, workload: own, clients, salt } } });
    };
    const first = drawing(1, '/here/prompts.txt', 'same');
    expect(requireComplete([first, drawing(2, '/there/prompts.txt', 'same')])).toHaveLength(2);
    expect(() => requireComplete([first, drawing(2, '/here/prompts.txt', 'other')])).toThrow(/differ in load/);
    expect(() => requireComplete([first, drawing(2, '/here/prompts.txt', 'same', 'xyz')])).toThrow(/differ in load/);
  });
});
