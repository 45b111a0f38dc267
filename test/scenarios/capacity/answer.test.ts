import { describe, expect, it } from 'vitest';
import { answerOf, reasonsOf } from '../../../scenarios/capacity/answer.ts';

type Result = Parameters<typeof reasonsOf>[0];

function resultOf(changes: Partial<Result>): Result {
  const steps = Array.from({ length: 7 }, () => ({ met: true, reason: '' }));
  return {
    ...{ find: 'rate', stop: 'budget', edge: null, limitedBy: null, bestMet: null, bestMissed: null, bound: null },
    ...{ perSecond: null, blind: 0, wallMs: 55_000, steps, ...changes },
  } as Result;
}

describe('the answer of a search', () => {
  it.each([
    [{ bestMet: 40, bound: 31.234 }, 'at least 31.2/s'],
    [{ bestMissed: 80, bound: 93 }, 'less than 93/s'],
    [{ find: 'replicas', perSecond: 60, bestMet: 4, bound: 5 }, 'at most 5 replicas for 60/s'],
    [{ find: 'replicas', perSecond: 60, bestMissed: 4, bound: 3 }, 'more than 3 replicas for 60/s'],
    [{}, 'unknown: no step was decided'],
    [
      { find: 'replicas', perSecond: 24, edge: { value: 3, lower: 3, upper: 3 }, limitedBy: 'p90(latency) <= 1 s' },
      '3 replicas for 24/s, fewer miss p90(latency)',
    ],
  ] as const)('of %j is %s', (changes, answer) => {
    expect(answerOf(resultOf(changes))).toBe(answer);
  });
});

describe('the reason of a search that ended early', () => {
  const edge = { value: 36, lower: 36 / 1.15, upper: 36 * 1.15 };
  it.each([
    // Twice as wide in ln(value): four times as many steps.
    [{ edge }, 'The interval is not as narrow as --precision: the budget ended after 7 steps. Use --budget 4m.'],
    [{}, 'All steps had the same result: the budget ended after 7 steps. Use --budget 4m.'],
    [{ edge: { ...edge, upper: 4000 } }, /Use --budget 10m\.$/],
    [{ stop: 'steps', edge }, /after --max-steps\. Use --max-steps 28, or longer steps with --step\.$/],
  ] as const)('%j says which number to change', (changes, reason) => {
    expect(reasonsOf(resultOf(changes), 0.15)).toEqual([expect.stringMatching(reason)]);
  });
});
