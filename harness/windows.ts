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
export function membershipOf(window: Window) {
  const { fromMs, toMs, nextFaultMs = Number.POSITIVE_INFINITY } = window;
  const earliestMs = earliestOf(window);
  return ({ scheduledMs, endMs }: Pick<RequestRecord, 'scheduledMs' | 'endMs'>): boolean =>
    scheduledMs >= earliestMs && scheduledMs < toMs && endMs >= fromMs && endMs < nextFaultMs;
}

/** Where the first request of a window may be scheduled. */
function earliestOf({ name, fromMs }: Window): number {
  return name.startsWith('fault:') ? 0 : fromMs;
}

/**
 * Tells which windows requests belong to, without testing each for each: those of the request before are those of all requests that are
 * scheduled, and end, between the same bounds of windows.
 */
export class Cells {
  readonly #tests;
  readonly #scheduledMs: readonly number[];
  readonly #endMs: readonly number[];
  #cell = { fromMs: 0, toMs: 0, endFromMs: 0, endToMs: 0 };

  constructor(windows: readonly Window[]) {
    this.#tests = windows.map(membershipOf);
    this.#scheduledMs = windows.flatMap(window => [earliestOf(window), window.toMs]);
    this.#endMs = windows.flatMap(({ fromMs, nextFaultMs = Number.POSITIVE_INFINITY }) => [fromMs, nextFaultMs]);
  }

  /** Whether a request is in the same windows as the one that was entered last. */
  has(scheduledMs: number, endMs: number): boolean {
    const { fromMs, toMs, endFromMs, endToMs } = this.#cell;
    return scheduledMs >= fromMs && scheduledMs < toMs && endMs >= endFromMs && endMs < endToMs;
  }

  /** Whether a request belongs to each of the windows. */
  enter(request: Pick<RequestRecord, 'scheduledMs' | 'endMs'>): boolean[] {
    const [fromMs, toMs] = between(this.#scheduledMs, request.scheduledMs);
    const [endFromMs, endToMs] = between(this.#endMs, request.endMs);
    this.#cell = { fromMs, toMs, endFromMs, endToMs };
    return this.#tests.map(test => test(request));
  }
}

/** The bounds around a value: the last that is not above it, and the first that is. */
function between(bounds: readonly number[], value: number): [from: number, to: number] {
  const above = bounds.filter(bound => bound > value);
  const others = bounds.filter(bound => bound <= value);
  return [Math.max(...others), Math.min(...above)];
}

/** Requests of a window, see {@link membershipOf}; the same object for the same window of the same records. */
export function requestsIn(window: Window, records: Requests): Requests {
  const requests =
    IN_WINDOWS.get(records)?.get(keyOf(window)) ??
    records.filter(membershipOf(window), { ...window, fromMs: earliestOf(window) });
  knowRequestsIn(window, records, requests);
  return requests;
}

/** Requests that are scheduled in an interval [fromMs, toMs). */
export function scheduledIn(within: Pick<Window, 'fromMs' | 'toMs'>, records: Requests): Requests {
  return records.filter(({ scheduledMs }) => scheduledMs >= within.fromMs && scheduledMs < within.toMs, within);
}

/** Makes the requests of a window known that were found elsewhere. */
export function knowRequestsIn(window: Window, records: Requests, requests: Requests): void {
  const known = IN_WINDOWS.get(records) ?? new Map<string, Requests>();
  IN_WINDOWS.set(records, known.set(keyOf(window), requests));
}

function keyOf({ name, fromMs, toMs, nextFaultMs }: Window): string {
  return JSON.stringify([name, fromMs, toMs, nextFaultMs]);
}

const IN_WINDOWS = new WeakMap<Requests, Map<string, Requests>>();
