import { type Check, verdictOf } from '../check.ts';
import type { MaximumObjective } from '../objective.ts';
import { samplesOf } from '../samples.ts';
import { withoutSample } from './quantile.ts';

/**
 * The largest value seen. It is a statement about this window's requests alone, not about the service: a maximum has no
 * confidence interval, and grows with the number of requests. Both bounds are therefore the value itself.
 */
export const checkMaximum: Check<MaximumObjective> = (objective, evidence) => {
  const samples = samplesOf(objective.metric, evidence.requests);
  const measured = samples.at(1);
  const bounds = { lower: measured, upper: measured };
  const verdict = verdictOf(objective, bounds);
  const reason =
    measured === null
      ? 'No request of the window yielded a value.'
      : `The largest of ${samples.total} values ${verdict === 'pass' ? 'meets' : 'misses'} the objective.`;
  return {
    measured,
    ...bounds,
    samples: samples.independent,
    verdict,
    reason: reason + withoutSample(objective.metric, evidence),
  };
};
