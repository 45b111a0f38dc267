import { expect, it } from 'vitest';
import { compareRuns } from '../../reports/judge/compare/compare.ts';
import { type Model, simulated } from '../reports/compare/simulated.ts';

const NOTHING = { latencyRatio: 0, points: 0 };

/** Of as many pairs of runs of 2,000 requests with other seeds, the ratio that is called a regression. @param slower factor of the candidates' latencies */
function regressions(pairs: number, model: Model, slower: number): number {
  const found = Array.from({ length: pairs }, (_, index) => {
    const base = simulated({ model, seed: 1 + index });
    const candidate = simulated({ model, seed: 10_001 + index, slower });
    return compareRuns([base], [candidate], NOTHING).verdict;
  });
  return found.filter(verdict => verdict === 'regression').length / pairs;
}

it.each<Model>(['independent', 'queue', 'fault'])(
  'calls at most 5 % of pairs without a difference a regression: %s',
  model => {
    const ratio = regressions(200, model, 1);
    expect(ratio).toBeLessThanOrEqual(0.05);
  },
);

// Where requests queue for busy servers, the P50 itself varies by more from run to run.
it.each<Model>(['independent', 'fault'])('finds at least 95 % of pairs with a fifth more latency: %s', model => {
  const ratio = regressions(100, model, 1.2);
  expect(ratio).toBeGreaterThanOrEqual(0.95);
});
