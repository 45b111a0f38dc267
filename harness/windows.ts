import { stagesOf } from './arrivals/arrivals.ts';
import type { TimedEvent } from './history.ts';
import { type FaultPlan, loadEndMs, type RunPlan } from './plan.ts';
import type { AttackOutcome, RequestRecord } from './requests.ts';

/** Outcome of a planned fault; times in ms on the run's timeline, null for what did not happen. */
export interface FaultOutcome {
  readonly plan: FaultPlan;
  readonly injectedAtMs: number | null;
  /** When it was first observed to be in effect. */
  readonly effectiveAtMs: number | null;
  readonly healedAtMs: number | null;
  /** Observations, injection first, as sentences. */
  readonly evidence: readonly string[];
  /** Result of an attack, once it is over. */
  readonly requests?: AttackOutcome | undefined;
}

/** Outcome of each planned fault, folded from the history, in the plan's order. */
export function faultOutcomes(plan: RunPlan, events: readonly TimedEvent[]): FaultOutcome[] {
  return plan.faults.map(fault => {
    const steps = events.filter(event => event.type === 'fault').filter(event => event.id === fault.id);
    const at = (step: (typeof steps)[number]['step']) => {
      const event = steps.find(s => s.step === step);
      return event ? (event.seenMs ?? event.atMs) : null;
    };
    return {
      plan: fault,
      injectedAtMs: at('injected'),
      effectiveAtMs: at('effective'),
      healedAtMs: at('healed'),
      evidence: steps.map(step => step.evidence).filter(text => text !== ''),
      requests: steps.find(({ requests }) => requests)?.requests,
    };
  });
}

/** Named interval [fromMs, toMs) of a run. */
export interface Window {
  readonly name: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Whether it ends at the onset of a fault: requests in flight at that instant are exposed to the fault and excluded here. */
  readonly endsInFault?: boolean;
}

/** Names of all windows that a plan can produce; an SLO on any other can never be judged. */
export function windowNames(plan: Pick<RunPlan, 'load' | 'faults'>): string[] {
  const stages = stagesOf(plan.load.ramps.filter(({ fromMs }) => fromMs >= 0)).map(stage => `load:${stage.name}`);
  const faults = plan.faults.flatMap(fault => [`fault:${fault.id}`, `recovery:${fault.id}`]);
  return ['baseline', 'whole', ...new Set(stages), ...faults];
}

/**
 * Windows of a run, as far as it got:
 *
 * ```
 * 0        onset       recovered    next onset or end of load
 * ├─baseline─┼──fault:id───┼──recovery:id──┤
 * ├──────────────────whole─────────────────┤
 * ```
 *
 * `fault:id` lasts from the observed onset to the observed recovery, or to the end. A fault without an observed effect has no window.
 */
export function windowsOf(plan: RunPlan, events: readonly TimedEvent[]): Window[] {
  const stoppedMs = events.find(event => event.type === 'interrupted' || event.type === 'crashed')?.atMs;
  const endMs = Math.max(0, Math.min(loadEndMs(plan), stoppedMs ?? Number.POSITIVE_INFINITY));
  const faults = faultOutcomes(plan, events);
  const onsets = faults.map(fault => fault.effectiveAtMs).filter(ms => ms !== null);
  const untilOnset = (name: string, fromMs: number): Window => {
    const onsetMs = Math.min(...onsets.filter(onset => onset > fromMs));
    return { name, fromMs, toMs: Math.min(endMs, onsetMs), endsInFault: onsetMs < endMs };
  };
  const windows: Window[] = [
    untilOnset('baseline', 0),
    ...stagesOf(plan.load.ramps.filter(({ fromMs }) => fromMs >= 0)).map(stage => ({
      name: `load:${stage.name}`,
      fromMs: stage.fromMs,
      toMs: Math.min(endMs, stage.toMs),
    })),
  ];
  for (const { plan: fault, effectiveAtMs, healedAtMs } of faults) {
    if (effectiveAtMs === null) continue;
    windows.push({ name: `fault:${fault.id}`, fromMs: effectiveAtMs, toMs: Math.min(endMs, healedAtMs ?? endMs) });
    if (healedAtMs !== null) windows.push(untilOnset(`recovery:${fault.id}`, healedAtMs));
  }
  windows.push({ name: 'whole', fromMs: 0, toMs: endMs });
  return windows.filter(window => window.toMs > window.fromMs);
}

/**
 * Requests of a window. A request belongs to the window of its scheduled arrival, with one exception: a request in flight at the
 * onset of a fault is exposed to that fault, so it belongs to `fault:<id>` and not to the `baseline` or `recovery` before it.
 */
export function requestsIn(window: Window, records: readonly RequestRecord[]): RequestRecord[] {
  const { fromMs, toMs, name, endsInFault } = window;
  return records.filter(({ scheduledMs, endMs }) => {
    if (scheduledMs >= toMs || endMs < fromMs) return false;
    if (name.startsWith('fault:')) return scheduledMs >= 0;
    return scheduledMs >= fromMs && (!endsInFault || endMs < toMs);
  });
}
