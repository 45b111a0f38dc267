import { budgetKept, limitsKept } from './invariants/budget.ts';
import { deliveredWhole, handledOnce, nothingForNobody, nothingHangs } from './invariants/delivery.ts';
import { requestsEnd } from './invariants/end.ts';
import type { EndFacts, Invariant, InvariantFacts } from './invariants/facts.ts';
import { deadStreamsEnd, drainsLoseNothing, noUpstreamHasACause, outagesAreNoticed } from './invariants/gateways.ts';
import { everythingReleased, noHalfOpen } from './invariants/released.ts';
import { backInRotation } from './invariants/rotation.ts';

/** What was not as it must always be. */
export interface Violation {
  /** Name of the invariant. */
  readonly invariant: string;
  /** One sentence with figures: the first breach, and how many more there are. */
  readonly message: string;
}

/** Invariants of a stack that nobody uses any more. It takes a while until they hold. */
const OF_THE_END: readonly Invariant<EndFacts>[] = [everythingReleased, noHalfOpen, backInRotation];

const OF_THE_RUN: readonly Invariant[] = [
  ...[requestsEnd, deliveredWhole, handledOnce, nothingForNobody, nothingHangs, budgetKept, limitsKept],
  ...[noUpstreamHasACause, outagesAreNoticed, deadStreamsEnd, drainsLoseNothing],
];

/** Names of all invariants, in the order in which they are checked. */
export function invariantNames(): string[] {
  return [...OF_THE_RUN, ...OF_THE_END].map(({ name }) => name);
}

/** Checks what holds in every run that comes to its end, whatever its faults and its SLOs. A pure function. @returns the violations, none if all hold */
export function checkInvariants(facts: InvariantFacts): Violation[] {
  return [...OF_THE_RUN.flatMap(invariant => violationOf(invariant, facts)), ...checkEnd(facts)];
}

/** Checks what holds once a stack has settled. A pure function. */
export function checkEnd(facts: EndFacts): Violation[] {
  return OF_THE_END.flatMap(invariant => violationOf(invariant, facts));
}

function violationOf<Facts>({ name, breaches }: Invariant<Facts>, facts: Facts): Violation[] {
  const [first, ...more] = breaches(facts);
  if (first === undefined) return [];
  return [{ invariant: name, message: more.length > 0 ? `${first}, and ${more.length} more` : first }];
}
