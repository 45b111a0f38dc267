import { expect, test } from 'vitest';
import type { RunDocument, Verdict } from '../../reports/store/run-document.ts';
import { judgeProof } from '../../scenarios/proof.ts';

function proved(breaks: readonly string[], slos: Readonly<Record<string, Verdict>>, verdict: Verdict = 'fail') {
  const judged = Object.entries(slos).map(([name, verdict]) => ({ name, verdict, reason: `${name} was measured.` }));
  return judgeProof({ without: 'it', breaks }, {
    id: 'run',
    verdict,
    reasons: [],
    slos: judged,
  } as unknown as RunDocument);
}

test.each([
  [['a'], { a: 'fail', b: 'pass' }, 'holds', /exactly "a" fails\. a was measured\./],
  [['a', 'b'], { a: 'fail', b: 'fail' }, 'holds', /exactly "a", "b" fail\./],
  [['a', 'b'], { a: 'fail', b: 'pass' }, 'proves-nothing', /"b" proves nothing/],
  [['a', 'b'], { a: 'fail', b: 'inconclusive' }, 'unusable', /"b" is inconclusive/],
  [['a'], { a: 'fail', b: 'inconclusive' }, 'holds', /exactly "a" fails/],
  [['a'], { a: 'fail', b: 'fail', c: 'fail' }, 'breaks-more', /"a" fails as expected, but so does "b", "c"/],
  [['a'], {}, 'unusable', /"a" is missing/],
] as const)('a proof that breaks %j, and %j: %s', (breaks, slos, outcome, sentence) => {
  expect(proved(breaks, slos)).toMatchObject({ outcome, sentence: expect.stringMatching(sentence) });
});

test('an invalid run proves nothing, whatever failed in it', () => {
  expect(proved(['a'], { a: 'fail' }, 'invalid').outcome).toBe('unusable');
});
