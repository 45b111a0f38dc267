import { checkOf, type Evidence, type FaultObjective, type Finding, ratioFinding, undecided } from '../check.ts';

/** `rejected(attack) >= 99%`: ratio of an attack's requests that the service rejected. */
export const check = checkOf<FaultObjective>({
  kind: 'rejected',
  words: ['rejected'],
  parse: statement => ({ fault: statement.required('the id of a fault'), ...statement.atLeast('%') }),
  fault: ({ fault }) => fault,
  // The whole time of the attack.
  window: () => 'whole',
  judge,
});

/**
 * Requests with a 4xx response, or whose connection was closed or not accepted without a response; out of all that ended, or hung
 * when a response was due. A second response to one request is not a rejection. Covers the attack from start to end, including its ramps.
 */
function judge(objective: FaultObjective, { fault }: Evidence): Finding {
  const { ended, rejected } = fault?.requests ?? { ended: 0, rejected: 0 };
  if (ended === 0) return undecided('inconclusive', `The fault ${objective.fault} reported no request that ended.`);
  return ratioFinding(objective, rejected, ended, `rejected (${rejected} of ${ended} requests of the attack)`);
}
