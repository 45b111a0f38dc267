import type { LoadPlan } from '../../harness/plan.ts';

/** What the script needs of a load plan; plain JSON. */
export interface ScriptPlan extends Pick<LoadPlan, 'segments' | 'workload' | 'maxInFlight'> {
  readonly seed: number;
  /** Base URLs, without a slash at the end. */
  readonly targets: readonly string[];
  /** Longest wait for a whole answer, which is the one timeout that k6 has. */
  readonly timeoutMs: number;
}

/** The part of a plan that is the script's. */
export function scriptPlan(plan: LoadPlan, seed: number, targets: readonly string[]): ScriptPlan {
  const { segments, workload, maxInFlight, idleTimeoutMs } = plan;
  const bases = targets.map(target => target.replace(/\/$/, ''));
  return { segments, workload, maxInFlight, seed, targets: bases, timeoutMs: idleTimeoutMs };
}
