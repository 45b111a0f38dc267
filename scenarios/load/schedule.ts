import { arrivalTimes } from '../../harness/arrivals.ts';
import type { LoadPlan } from '../../harness/plan.ts';
import { seededRandom } from '../../harness/random.ts';
import { k6Ramp, k6Ticks } from './k6/stages.ts';

/**
 * The arrivals that a plan and a seed decide, in ms on the run's time line, ascending, warm-up included (negative). Lazy: a
 * day of load costs no memory. The generator and a dry run both call this, so what was announced is what is sent.
 */
export function scheduleOf(plan: Pick<LoadPlan, 'segments' | 'arrivals'>, seed: number): Generator<number> {
  return arrivalTimes(plan.segments, plan.arrivals, seededRandom(seed).stream('arrivals'));
}

/** What a dry run announces: the schedule of the plan's own engine. A closed loop has none. */
export function announcedTimes(plan: LoadPlan, seed: number): Generator<number> {
  const [first] = plan.segments;
  return plan.engine === 'k6' ? shifted(k6Ticks(k6Ramp(plan.segments)), first?.fromMs ?? 0) : scheduleOf(plan, seed);
}

function* shifted(times: Iterable<number>, byMs: number): Generator<number> {
  for (const time of times) yield time + byMs;
}
