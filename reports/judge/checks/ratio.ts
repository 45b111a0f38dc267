import { errorKind, isFailure, type RequestRecord } from '../../../harness/requests.ts';
import { type Check, explain, verdictOf } from '../check.ts';
import type { RatioObjective } from '../objective.ts';
import { ratioBounds } from '../statistics.ts';

/**
 * Ratios in percent with exact binomial bounds.
 *
 * | measure | counts | out of |
 * |---|---|---|
 * | `errors` | failed requests | requests that were sent and ended by themselves |
 * | `errors(kind)` | those that failed that way (`http-status`: any status) | the same |
 * | `availability` | requests that got their whole answer | the same |
 * | `dropped` | arrivals that were never sent | all arrivals |
 * | `abandoned` | requests whose client had waited enough, and that do not count as failed | these, and those that ended by themselves |
 *
 * A dropped arrival is no error: the generator had reached its own bound, so what the service would have done with it is
 * unknown. It is judged apart by `dropped`, and where many are dropped nothing else passes (see `gates.ts`).
 */
export const checkRatio: Check<RatioObjective> = (objective, { requests }) => {
  const base = requests.filter(r => objective.measure === 'dropped' || isEnded(objective, r));
  const hits = base.filter(request => counts(objective, request)).length;
  if (base.length === 0) {
    const none = { measured: null, lower: null, upper: null, samples: 0 };
    return { ...none, verdict: 'inconclusive', reason: 'No request of the window was sent and ended by itself.' };
  }
  const ratio = ratioBounds(hits, base.length);
  const bounds = { lower: 100 * ratio.lower, upper: 100 * ratio.upper };
  const verdict = verdictOf(objective, bounds);
  const counted = `${hits} of ${base.length} requests`;
  return {
    measured: (100 * hits) / base.length,
    ...bounds,
    samples: base.length,
    verdict,
    reason: `${explain(verdict, `${objective.measure}, ${counted},`)}`,
  };
};

function isEnded({ measure }: RatioObjective, request: RequestRecord): boolean {
  return request.outcome === 'ok' || isFailure(request) || (measure === 'abandoned' && request.outcome === 'abandoned');
}

function counts({ measure, outcome }: RatioObjective, request: RequestRecord): boolean {
  if (measure === 'dropped' || measure === 'abandoned') return request.outcome === measure;
  if (measure === 'availability') return request.outcome === 'ok';
  return isFailure(request) && (outcome === null || outcome === request.outcome || outcome === errorKind(request));
}
