import { type Check, explain, type Finding, verdictOf } from '../check.ts';
import type { RefusedObjective } from '../objective.ts';
import { ratioBounds } from '../statistics.ts';

/**
 * The share of an attack's requests that were refused: answered with 4xx, or closed or refused without an answer; out of all that
 * came to an end, or hung where they had to be answered. A second answer to one request is no refusal. With exact binomial bounds.
 * The attack counts from its start to its end, ramps included.
 */
export const checkRefused: Check<RefusedObjective> = (objective, { run }) => {
  const fault = run.faults.find(({ plan }) => plan.id === objective.fault);
  if (!fault) return nothing('invalid', `The plan has no fault "${objective.fault}".`);
  if (fault.bitAtMs === null) return nothing('invalid', `The fault ${objective.fault} was never seen to act.`);
  const { ended, refused } = fault.requests ?? { ended: 0, refused: 0 };
  if (ended === 0) return nothing('inconclusive', `The fault ${objective.fault} told of no request that had ended.`);
  const ratio = ratioBounds(refused, ended);
  const bounds = { lower: 100 * ratio.lower, upper: 100 * ratio.upper };
  const verdict = verdictOf(objective, bounds);
  const reason = explain(verdict, `refused, ${refused} of ${ended} requests of the attack,`);
  return { measured: (100 * refused) / ended, ...bounds, samples: ended, verdict, reason };
};

function nothing(verdict: 'inconclusive' | 'invalid', reason: string): Finding {
  return { measured: null, lower: null, upper: null, samples: 0, verdict, reason };
}
