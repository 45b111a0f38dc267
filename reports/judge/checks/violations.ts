import { checkOf, type Evidence, type FaultObjective, type Finding, undecided, verdictOf } from '../check.ts';

/** `violations(attack) <= 0`: number of an attack's requests that the service handled incorrectly. */
export const check = checkOf<FaultObjective>({
  kind: 'violations',
  words: ['violations'],
  parse: statement => ({ fault: statement.required('the id of a fault'), ...statement.atMost('') }),
  fault: ({ fault }) => fault,
  // The whole time of the attack.
  window: () => 'whole',
  judge,
});

/**
 * Requests that had to be rejected and got a 5xx response, two responses, or none. A statement about these requests only, since a
 * violation is one however rare: both bounds are the count itself.
 */
function judge(objective: FaultObjective, { fault }: Evidence): Finding {
  const { ended = 0, violations } = fault?.requests ?? {};
  if (ended === 0 || violations === undefined)
    return undecided('inconclusive', `The fault ${objective.fault} reported no request that ended.`);
  const verdict = verdictOf(objective, { lower: violations, upper: violations });
  const reason = `${violations} of ${ended} requests of the attack were handled incorrectly.`;
  return { measured: violations, lower: violations, upper: violations, samples: ended, verdict, reason };
}
