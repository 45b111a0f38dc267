import { checkOf, type Evidence, explain, type Finding, type Objective, undecided, verdictOf } from '../check.ts';
import { ratioBounds } from '../statistics.ts';

interface RejectedObjective extends Objective {
  /** Id of the fault. */
  readonly fault: string;
}

/** `rejected(attack) >= 99%`: the ratio of an attack's requests that the service rejected. */
export const check = checkOf<RejectedObjective>({
  kind: 'rejected',
  words: ['rejected'],
  parse: statement => ({ fault: statement.required('the id of a fault'), ...statement.atLeast('%') }),
  format: ({ fault }, limit) => `rejected(${fault}) ${limit}`,
  fault: ({ fault }) => fault,
  // The attack's whole time.
  window: () => 'whole',
  judge,
});

/**
 * The ratio of an attack's requests that were rejected: answered with 4xx, or the connection was closed or not accepted, without a
 * response; out of all that ended, or hung where a response was due. A second response to one request is not a rejection.
 * Exact binomial bounds. Covers the attack from start to end, including its ramps.
 */
function judge(objective: RejectedObjective, { run }: Evidence): Finding {
  const fault = run.faults.find(({ plan }) => plan.id === objective.fault);
  if (!fault) return undecided('invalid', `The plan has no fault "${objective.fault}".`);
  if (fault.effectiveAtMs === null) return undecided('invalid', `The fault ${objective.fault} was never seen to act.`);
  const { ended, rejected } = fault.requests ?? { ended: 0, rejected: 0 };
  if (ended === 0) return undecided('inconclusive', `The fault ${objective.fault} told of no request that had ended.`);
  const ratio = ratioBounds(rejected, ended);
  const bounds = { lower: 100 * ratio.lower, upper: 100 * ratio.upper };
  const verdict = verdictOf(objective, bounds);
  const reason = explain(verdict, `rejected, ${rejected} of ${ended} requests of the attack,`);
  return { measured: (100 * rejected) / ended, ...bounds, samples: ended, verdict, reason };
}
