import { describe, expect, it } from 'vitest';
import { type Part, requireComplete } from '../../../../reports/judge/merge/segments.ts';
import { all, part, RECORDS, WHOLE_PLAN } from '../../parts.ts';

const { segment: _none, ...lone } = part(1, 3).plan;
const REFUSED: readonly [string, readonly Part[], string, RegExp][] = [
  ['one that is missing', [part(1, 3), part(3, 3)], 'SEGMENT_MISSING', /one is missing: 2\/3/],
  ['two that are missing', [part(2, 3)], 'SEGMENT_MISSING', /2 are missing: 1\/3, 3\/3/],
  [
    'one that is there twice',
    [...all(3), { ...part(2, 3), run: 'again' }],
    'SEGMENT_TWICE',
    /run-2 and again both are segment 2 of 3/,
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
    'another number of segments',
    [part(1, 3), part(2, 2)],
    'DIFFERENT_PLANS',
    /run-1 is one of 3 segments, run-2 one of 2/,
  ],
  ['a run that drove alone', [part(1, 3), { ...part(2, 3), plan: lone }], 'NOT_A_SEGMENT', /run-2/],
  [
    'records of another share',
    [part(1, 2), part(2, 2, { records: part(1, 2).records })],
    'FOREIGN_RECORD',
    /run-2.*arrival 0/,
  ],
  [
    'a record twice',
    [part(1, 2), part(2, 2, { records: [RECORDS[1]!, RECORDS[1]!] })],
    'FOREIGN_RECORD',
    /run-2.*two records/,
  ],
];

describe('what cannot be merged', () => {
  it.each(REFUSED)('%s is refused, by name', (_, parts, code, message) => {
    expect(() => requireComplete(parts)).toThrow(
      expect.objectContaining({ kind: 'option', code, next: expect.any(String) }),
    );
    expect(() => requireComplete(parts)).toThrow(message);
  });

  it('does not depend on how many processes a machine used', () => {
    const busy = part(2, 2, {
      plan: {
        load: { ...WHOLE_PLAN.load, workers: 4 },
        replay: 'npx squall run example --seed 1 --workers 4 --segment 2/2',
      },
    });
    expect(requireComplete([part(1, 2), busy])).toHaveLength(2);
  });

  it('does not depend on how each was started', () => {
    const elsewhere = part(2, 2, { plan: { replay: 'npx squall run ../there/example.yaml --seed 1 --segment 2/2' } });
    expect(requireComplete([part(1, 2), elsewhere])).toHaveLength(2);
  });

  it('does not depend on where a machine keeps the trace, but on what is in it', () => {
    const columns = { time: 't', promptTokens: 'p', outputTokens: 'o' };
    const trace = { columns, timeUnit: 's', fromMs: 0, toMs: 1000, speed: 1 } as const;
    const replaying = (index: number, file: string, sha256: string) =>
      part(index, 2, { plan: { load: { ...WHOLE_PLAN.load, trace: { ...trace, file, sha256 } } } });
    const first = replaying(1, '/here/azure.csv', 'same');
    expect(requireComplete([first, replaying(2, '/there/azure.csv', 'same')])).toHaveLength(2);
    expect(() => requireComplete([first, replaying(2, '/here/azure.csv', 'other')])).toThrow(/differ in load/);
  });
});
