import { checkOf, type Evidence, type Finding, type Objective, undecided, verdictOf } from '../check.ts';

interface ViolationsObjective extends Objective {
  /** Id of the fault. */
  readonly fault: string;
}

/** `violations(attack) <= 0`: how many of an attack's requests the service answered wrongly. */
export const check = checkOf<ViolationsObjective>({
  kind: 'violations',
  words: ['violations'],
  parse: statement => ({ fault: statement.required('the id of a fault'), ...statement.atMost('') }),
  format: ({ fault }, limit) => `violations(${fault}) ${limit}`,
  fault: ({ fault }) => fault,
  // The attack's whole time.
  window: () => 'whole',
  judge,
});

/**
 * Of requests that had to be rejected, those that were answered with 5xx, or twice, or not at all. It is a statement about these
 * requests alone: a mistake is a mistake, however rare. Both bounds are therefore the count itself.
 */
function judge(objective: ViolationsObjective, { run }: Evidence): Finding {
  const fault = run.faults.find(({ plan }) => plan.id === objective.fault);
  if (!fault) return undecided('invalid', `The plan has no fault "${objective.fault}".`);
  if (fault.effectiveAtMs === null) return undecided('invalid', `The fault ${objective.fault} was never seen to act.`);
  const { ended = 0, violations } = fault.requests ?? {};
  if (ended === 0 || violations === undefined)
    return undecided('inconclusive', `The fault ${objective.fault} told of no request that had ended.`);
  const verdict = verdictOf(objective, { lower: violations, upper: violations });
  const reason = `${violations} of ${ended} requests of the attack were answered wrongly.`;
  return { measured: violations, lower: violations, upper: violations, samples: ended, verdict, reason };
}
