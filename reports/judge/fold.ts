import type { TimedEvent } from '../../harness/history.ts';
import type { RunPlan } from '../../harness/plan.ts';
import { inOrder, type Requests } from '../../harness/requests.ts';
import { type FaultOutcome, faultOutcomes, windowsOf } from '../../harness/windows.ts';
import { rounded } from '../rounding.ts';
import type { FaultResult } from '../store/run-document.ts';
import type { RunFacts } from './check.ts';
import { type Reaction, reactionsOf } from './elasticity/reaction.ts';
import type { Followed } from './elasticity/restored.ts';
import { type ParsedObjective, parseObjective } from './objective.ts';

/** Facts of a run that every check starts from. Records may be in any order. */
export function factsOf(plan: RunPlan, events: readonly TimedEvent[], records: Requests): RunFacts {
  const facts = {
    plan,
    events,
    records: inOrder(records),
    windows: windowsOf(plan, events),
    faults: faultOutcomes(plan, events),
  };
  let reactions: readonly Reaction[] | undefined;
  return {
    ...facts,
    reactions() {
      reactions ??= reactionsOf({ ...facts, followed: followedIn(plan) });
      return reactions;
    },
  };
}

/** The objectives of SLOs that can be followed from request to request; one that cannot be parsed is none. */
function followedIn({ slos }: RunPlan): Followed[] {
  return slos.flatMap(slo => {
    const parsed = parsedOrNone(slo.objective);
    const tally = parsed?.check.tally?.(parsed.objective);
    if (!parsed || !tally) return [];
    const window = parsed.check.window?.(parsed.objective) ?? slo.window;
    return [{ text: slo.objective, window, class: slo.class, tally }];
  });
}

function parsedOrNone(text: string): ParsedObjective | undefined {
  try {
    return parseObjective(text);
  } catch {
    return undefined;
  }
}

/** Result of a fault for the document. Recovery is verified exactly if it was observed. */
export function faultResult(fault: FaultOutcome): FaultResult {
  return {
    id: fault.plan.id,
    kind: fault.plan.kind,
    target: fault.plan.target,
    parameters: fault.plan.parameters,
    injectedAtMs: rounded(fault.injectedAtMs),
    effectiveAtMs: rounded(fault.effectiveAtMs),
    evidence: fault.evidence.join('; '),
    healedAtMs: rounded(fault.healedAtMs),
    healVerified: fault.healedAtMs !== null,
    ...(fault.requests?.points && { attack: fault.requests.points }),
  };
}
