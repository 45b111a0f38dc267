import type { TimedEvent } from '../../harness/history.ts';
import type { RunPlan } from '../../harness/plan.ts';
import type { RequestRecord } from '../../harness/requests.ts';
import { type FaultOutcome, faultOutcomes, windowsOf } from '../../harness/windows.ts';
import { rounded } from '../rounding.ts';
import type { FaultResult } from '../store/run-document.ts';
import type { RunFacts } from './check.ts';

/** Facts of a run that every check starts from. Records may be in any order. */
export function factsOf(plan: RunPlan, events: readonly TimedEvent[], records: readonly RequestRecord[]): RunFacts {
  return {
    plan,
    events,
    records: [...records].sort((a, b) => a.index - b.index),
    windows: windowsOf(plan, events),
    faults: faultOutcomes(plan, events),
  };
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
