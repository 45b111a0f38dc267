import { stagesOf } from './arrivals/arrivals.ts';
import type { TimedEvent } from './history.ts';
import { type FaultPlan, loadEndMs, type RunPlan } from './plan.ts';
import type { AttackOutcome, RequestRecord, Requests } from './requests.ts';

/** Outcome of a planned fault; times in ms on the run's timeline, null for what did not happen. */
export interface FaultOutcome {
  readonly plan: FaultPlan;
  /** When its injection began, whatever became of it. */
  readonly injectedAtMs: number | null;
  /** When it was first observed to be in effect; requests may have felt it before. */
  readonly effectiveAtMs: number | null;
  /** When it was first observed to be healed. */
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
      // Older histories have no `inject`.
      injectedAtMs: at('inject') ?? at('injected'),
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
  /** Start of the injection that follows it; requests still in flight then are exposed to that fault and excluded here. */
  readonly nextFaultMs?: number;
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
 * 0      injection  onset    recovered    next injection or end of load
 * ├─baseline─┼──fault:id─·───────┼──recovery:id──┤
 * ├──────────────────whole───────────────────────┤
 * ```
 *
 * `fault:id` lasts from where its injection begins to the observed recovery, or to the end: what a fault does to requests comes before
 * anyone has observed it. A fault without an observed effect has no window, but ends the one before all the same, since it may have
 * acted without being noticed.
 */
export function windowsOf(plan: RunPlan, events: readonly TimedEvent[]): Window[] {
  const stoppedMs = events.find(event => event.type === 'interrupted' || event.type === 'crashed')?.atMs;
  const endMs = Math.max(0, Math.min(loadEndMs(plan), stoppedMs ?? Number.POSITIVE_INFINITY));
  const faults = faultOutcomes(plan, events);
  const begins = faults.map(beginOf).filter(ms => ms !== null);
  const nextFault = (fromMs: number) => Math.min(...begins.filter(ms => ms >= fromMs));
  const untilFault = (name: string, fromMs: number): Window => {
    const nextFaultMs = nextFault(fromMs);
    return { name, fromMs, toMs: Math.min(endMs, nextFaultMs), nextFaultMs };
  };
  const windows: Window[] = [
    untilFault('baseline', 0),
    ...stagesOf(plan.load.ramps.filter(({ fromMs }) => fromMs >= 0)).map(stage => ({
      name: `load:${stage.name}`,
      fromMs: stage.fromMs,
      toMs: Math.min(endMs, stage.toMs),
    })),
  ];
  for (const fault of faults) {
    const { plan: planned, effectiveAtMs, healedAtMs } = fault;
    if (effectiveAtMs === null) continue;
    const toMs = Math.min(endMs, healedAtMs ?? endMs);
    windows.push({ name: `fault:${planned.id}`, fromMs: beginOf(fault)!, toMs, nextFaultMs: nextFault(toMs) });
    if (healedAtMs !== null) windows.push(untilFault(`recovery:${planned.id}`, healedAtMs));
  }
  windows.push({ name: 'whole', fromMs: 0, toMs: endMs });
  return windows.filter(window => window.toMs > window.fromMs);
}

/** Where requests may first have felt a fault: the start of its injection; without a record of that, its onset. */
export function beginOf({
  injectedAtMs,
  effectiveAtMs,
}: Pick<FaultOutcome, 'injectedAtMs' | 'effectiveAtMs'>): number | null {
  return injectedAtMs ?? effectiveAtMs;
}

/**
 * Whether a request belongs to a window: to that of its scheduled arrival, with one exception: a request in flight when the injection of a
 * fault begins is exposed to that fault, so it belongs to `fault:<id>` and not to the `baseline`, `recovery` or `fault` before it.
 */
export function membershipOf({ fromMs, toMs, name, nextFaultMs = Number.POSITIVE_INFINITY }: Window) {
  const earliestMs = name.startsWith('fault:') ? 0 : fromMs;
  return ({ scheduledMs, endMs }: Pick<RequestRecord, 'scheduledMs' | 'endMs'>): boolean =>
    scheduledMs >= earliestMs && scheduledMs < toMs && endMs >= fromMs && endMs < nextFaultMs;
}

/** Requests of a window, see {@link membershipOf}; the same object for the same window of the same records. */
export function requestsIn(window: Window, records: Requests): Requests {
  const known = IN_WINDOWS.get(records) ?? new Map<string, Requests>();
  const key = JSON.stringify([window.name, window.fromMs, window.toMs, window.nextFaultMs]);
  const requests = known.get(key) ?? records.filter(membershipOf(window));
  IN_WINDOWS.set(records, known.set(key, requests));
  return requests;
}

const IN_WINDOWS = new WeakMap<Requests, Map<string, Requests>>();
