import { stagesOf } from './arrivals/arrivals.ts';
import type { TimedEvent } from './history.ts';
import { driveEndMs, type FaultPlan, type RunPlan } from './plan.ts';
import type { AttackOutcome, RequestRecord } from './requests.ts';

/** What became of a planned fault; times in ms on the run's time line, null for what did not happen. */
export interface FaultOutcome {
  readonly plan: FaultPlan;
  readonly injectedAtMs: number | null;
  /** When it was first seen to act. */
  readonly bitAtMs: number | null;
  readonly healedAtMs: number | null;
  /** What was seen, injection first, as sentences. */
  readonly evidence: readonly string[];
  /** Of an attack that is over. */
  readonly requests?: AttackOutcome | undefined;
}

/** Folds a history to the outcome of each planned fault, in the plan's order. */
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
      bitAtMs: at('bit'),
      healedAtMs: at('healed'),
      evidence: steps.map(step => step.evidence).filter(text => text !== ''),
      requests: steps.find(({ requests }) => requests)?.requests,
    };
  });
}

/** A named interval [fromMs, toMs) of a run. */
export interface Window {
  readonly name: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Whether it ends because a fault begins to act: what is then in flight lives through that fault and is not part of it. */
  readonly endsInFault?: boolean;
}

/** Every window name that a plan can produce; an SLO on another one can never be judged. */
export function windowNames(plan: Pick<RunPlan, 'load' | 'faults'>): string[] {
  const stages = stagesOf(plan.load.segments.filter(({ fromMs }) => fromMs >= 0)).map(stage => `load:${stage.name}`);
  const faults = plan.faults.flatMap(fault => [`fault:${fault.id}`, `recovery:${fault.id}`]);
  return ['baseline', 'whole', ...new Set(stages), ...faults];
}

/**
 * The windows of a run, as far as it came:
 *
 * ```
 * 0          bit           healed      next bit / end of load
 * ├─baseline─┼──fault:id───┼──recovery:id──┤
 * ├──────────────────whole─────────────────┤
 * ```
 *
 * `fault:id` goes from observed onset to observed heal (or the end). A fault that was never seen to act has no window.
 */
export function windowsOf(plan: RunPlan, events: readonly TimedEvent[]): Window[] {
  const stoppedMs = events.find(event => event.type === 'interrupted' || event.type === 'crashed')?.atMs;
  const endMs = Math.max(0, Math.min(driveEndMs(plan), stoppedMs ?? Number.POSITIVE_INFINITY));
  const faults = faultOutcomes(plan, events);
  const onsets = faults.map(fault => fault.bitAtMs).filter(ms => ms !== null);
  const untilOnset = (name: string, fromMs: number): Window => {
    const onsetMs = Math.min(...onsets.filter(onset => onset > fromMs));
    return { name, fromMs, toMs: Math.min(endMs, onsetMs), endsInFault: onsetMs < endMs };
  };
  const windows: Window[] = [
    untilOnset('baseline', 0),
    ...stagesOf(plan.load.segments.filter(({ fromMs }) => fromMs >= 0)).map(stage => ({
      name: `load:${stage.name}`,
      fromMs: stage.fromMs,
      toMs: Math.min(endMs, stage.toMs),
    })),
  ];
  for (const { plan: fault, bitAtMs, healedAtMs } of faults) {
    if (bitAtMs === null) continue;
    windows.push({ name: `fault:${fault.id}`, fromMs: bitAtMs, toMs: Math.min(endMs, healedAtMs ?? endMs) });
    if (healedAtMs !== null) windows.push(untilOnset(`recovery:${fault.id}`, healedAtMs));
  }
  windows.push({ name: 'whole', fromMs: 0, toMs: endMs });
  return windows.filter(window => window.toMs > window.fromMs);
}

/**
 * The requests of a window. A request belongs where its scheduled arrival lies, with one exception: what is in flight when a
 * fault begins to act lives through the fault, so it belongs to `fault:<id>` and not to the `baseline` or `recovery` before it.
 */
export function requestsIn(window: Window, records: readonly RequestRecord[]): RequestRecord[] {
  const { fromMs, toMs, name, endsInFault } = window;
  return records.filter(({ scheduledMs, endMs }) => {
    if (scheduledMs >= toMs || endMs < fromMs) return false;
    if (name.startsWith('fault:')) return scheduledMs >= 0;
    return scheduledMs >= fromMs && (!endsInFault || endMs < toMs);
  });
}
