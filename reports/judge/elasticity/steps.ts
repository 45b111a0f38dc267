import type { Ramp } from '../../../harness/arrivals/arrivals.ts';
import type { TimedEvent } from '../../../harness/history.ts';
import type { RunPlan } from '../../../harness/plan.ts';
import { beginOf, type FaultOutcome } from '../../../harness/windows.ts';
import { replicaEvents, SCALED } from './replicas.ts';

/** A change of what the stack has to serve, or of what it can serve: the cause of a scaling reaction. */
export interface Step {
  /** `load:<stage>` in which the rate begins to change, or `fault:<id>`. */
  readonly name: string;
  /** With its figures, such as `load:peak, 10/s to 60/s`. */
  readonly trigger: string;
  /** `up`: more capacity is needed. */
  readonly direction: 'up' | 'down';
  readonly atMs: number;
  /** Where the next step begins, or the observed load ends: what happens later is not observed as a reaction to this one. */
  readonly endMs: number;
}

/** Changes of the rate by a smaller part of it are no steps. */
const MIN_CHANGE_RATIO = 0.1;

/**
 * Steps of a run in order of time, from its load schedule and from the faults that took replicas away:
 *
 * ```
 * rate           ┌────┐              one step up per run of the rate in one direction,
 *           ╱────┘    └────┐         from where it begins to change; a pause between two
 *      ────╱               └────     changes makes them two
 *          up    up   down down
 * ```
 *
 * Users of a closed loop take the place of the rate.
 * @param endMs end of the observed load: later steps did not happen
 */
export function stepsOf(
  plan: Pick<RunPlan, 'load'>,
  faults: readonly FaultOutcome[],
  events: readonly TimedEvent[],
  endMs: number,
): Step[] {
  const failures = faults.flatMap(fault => {
    const { plan: planned, effectiveAtMs } = fault;
    if (effectiveAtMs === null || !tookReplicas(fault, events)) return [];
    const trigger = `fault:${planned.id}, ${planned.kind} of ${planned.target}`;
    return [{ name: `fault:${planned.id}`, trigger, direction: 'up' as const, atMs: beginOf(fault)! }];
  });
  const all = [...loadSteps(plan.load.ramps), ...failures]
    .filter(({ atMs }) => atMs < endMs)
    .sort((a, b) => a.atMs - b.atMs);
  return all.map((step, index) => ({ ...step, endMs: all[index + 1]?.atMs ?? endMs }));
}

/** Whether a fault was on one of the scaled replicas, or some of them ended while it lasted. */
function tookReplicas(fault: FaultOutcome, events: readonly TimedEvent[]): boolean {
  if (fault.plan.target.startsWith(`${SCALED}-`)) return true;
  const [fromMs, toMs] = [beginOf(fault)!, fault.healedAtMs ?? Number.POSITIVE_INFINITY];
  return replicaEvents(events).some(
    ({ state, atMs }) => (state === 'exited' || state === 'failed') && atMs >= fromMs && atMs <= toMs,
  );
}

/** Steps of a load schedule alone. */
export function loadSteps(ramps: readonly Ramp[]): Omit<Step, 'endMs'>[] {
  const runs: Run[] = [];
  for (const change of changesOf(ramps.filter(({ fromMs }) => fromMs >= 0))) {
    const last = runs.at(-1);
    const isSame =
      last && last.toMs === change.atMs && Math.sign(last.to - last.from) === Math.sign(change.to - change.from);
    if (isSame) runs[runs.length - 1] = { ...change, name: last.name, atMs: last.atMs, from: last.from };
    else runs.push(change);
  }
  return runs
    .filter(({ from, to }) => Math.abs(to - from) >= MIN_CHANGE_RATIO * Math.max(from, to))
    .map(({ name, atMs, from, to, unit }) => ({
      name: `load:${name}`,
      trigger: `load:${name}, ${figure(from)}${unit} to ${figure(to)}${unit}`,
      direction: to > from ? 'up' : 'down',
      atMs,
    }));
}

interface Run {
  readonly name: string;
  readonly atMs: number;
  readonly toMs: number;
  readonly from: number;
  readonly to: number;
  readonly unit: '/s' | ' users';
}

/** Jumps between ramps and slopes of ramps, in order. */
function changesOf(ramps: readonly Ramp[]): Run[] {
  return ramps.flatMap((ramp, index) => {
    const { name, fromMs, toMs } = ramp;
    const unit = ramp.fromUsers === undefined ? '/s' : ' users';
    const [from, to] = levels(ramp);
    const before = ramps[index - 1];
    const last = before ? levels(before)[1] : from;
    return [
      { name, atMs: fromMs, toMs: fromMs, from: last, to: from, unit } as const,
      { name, atMs: fromMs, toMs, from, to, unit } as const,
    ].filter(change => change.from !== change.to);
  });
}

function levels({ fromPerSecond, toPerSecond, fromUsers = fromPerSecond, toUsers = toPerSecond }: Ramp) {
  return [fromUsers, toUsers] as const;
}

function figure(value: number): string {
  return `${Number(value.toPrecision(3))}`;
}
