import { arrivalTimes, type OpenProcess } from '../../harness/arrivals.ts';
import type { LoadPlan } from '../../harness/plan.ts';
import { seededRandom } from '../../harness/random.ts';

/**
 * The arrivals that a plan and a seed decide, in ms on the run's time line, ascending, warm-up included (negative). Lazy: a
 * day of load costs no memory. The generator and a dry run both call this, so what was announced is what is sent.
 */
export function scheduleOf(plan: Pick<LoadPlan, 'segments' | 'arrivals'>, seed: number): Generator<number> {
  return arrivalTimes(plan.segments, plan.arrivals as OpenProcess, seededRandom(seed).stream('arrivals'));
}
