import { type Check, explain, type Finding, verdictOf } from '../check.ts';
import type { RefusedObjective } from '../objective.ts';
import { ratioBounds } from '../statistics.ts';

/**
 * The ratio of an attack's requests that were rejected: answered with 4xx, or closed or refused without a response; out of all that
 * ended, or hung where a response was due. A second response to one request is no rejection. With exact binomial bounds.
 * The attack counts from its start to its end, ramps included.
 */
export const checkRefused: Check<RefusedObjective> = (objective, { run }) => {
  const fault = run.faults.find(({ plan }) => plan.id === objective.fault);
  if (!fault) return nothing('invalid', `The plan has no fault "${objective.fault}".`);
  if (fault.bitAtMs === null) return nothing('invalid', `The fault ${objective.fault} was never seen to act.`);
  const { ended, rejected } = fault.requests ?? { ended: 0, rejected: 0 };
  if (ended === 0) return nothing('inconclusive', `The fault ${objective.fault} told of no request that had ended.`);
  const ratio = ratioBounds(rejected, ended);
  const bounds = { lower: 100 * ratio.lower, upper: 100 * ratio.upper };
  const verdict = verdictOf(objective, bounds);
  const reason = explain(verdict, `rejected, ${rejected} of ${ended} requests of the attack,`);
  return { measured: (100 * rejected) / ended, ...bounds, samples: ended, verdict, reason };
};

function nothing(verdict: 'inconclusive' | 'invalid', reason: string): Finding {
  return { measured: null, lower: null, upper: null, samples: 0, verdict, reason };
}
