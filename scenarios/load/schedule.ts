import { type ArrivalProcess, arrivalTimes } from '../../harness/arrivals.ts';
import type { LoadPlan } from '../../harness/plan.ts';
import { seededRandom } from '../../harness/random.ts';
import { arrivalsOf, type Share, WHOLE } from '../../harness/segment.ts';
import { k6Ramp, k6Ticks } from './k6/stages.ts';
import { replayTrace } from './trace/trace.ts';

/** A request that is due at an instant, whatever became of others. */
export interface Arrival {
  /** On the run's time line; negative in the warm-up. */
  readonly atMs: number;
  /** Of a replayed row. */
  readonly tokens?: readonly [promptTokens: number, outputTokens: number];
}

/** What {@link scheduled} needs of a plan. */
export type ScheduledLoad = Pick<LoadPlan, 'segments' | 'arrivals' | 'trace'>;

/**
 * The arrivals that a plan and a seed decide, ascending, warm-up included. Lazy: a day of load costs no memory. The generator
 * and a dry run both call this, so what was announced is what is sent. A closed loop has none. A replay warms up with a
 * Poisson process before its rows come, each at its own time.
 */
export function* scheduled({ segments, arrivals, trace }: ScheduledLoad, seed: number): Generator<Arrival> {
  const random = seededRandom(seed).stream('arrivals');
  if (isClosed(arrivals)) return;
  if (!isReplay(arrivals)) {
    for (const atMs of arrivalTimes(segments, arrivals, random)) yield { atMs };
    return;
  }
  const warmUp = segments.filter(({ toMs }) => toMs <= 0);
  for (const atMs of arrivalTimes(warmUp, 'poisson', random)) yield { atMs };
  for (const { atMs, promptTokens, outputTokens } of replayTrace(trace!))
    yield { atMs, tokens: [promptTokens, outputTokens] };
}

/** The times alone of a share of {@link scheduled}, in ms. */
export function* scheduleOf(plan: ScheduledLoad, seed: number, share: Share = WHOLE): Generator<number> {
  for (const { atMs } of arrivalsOf(scheduled(plan, seed), share)) yield atMs;
}

/** Whether users who wait for their answers make the load. */
export function isClosed(process: ArrivalProcess): process is Extract<ArrivalProcess, { readonly kind: 'closed' }> {
  return typeof process === 'object' && process.kind === 'closed';
}

/** Whether a trace makes the load. */
export function isReplay(process: ArrivalProcess): process is Extract<ArrivalProcess, { readonly kind: 'trace' }> {
  return typeof process === 'object' && process.kind === 'trace';
}

/** What a dry run announces: the schedule of the plan's own engine, or a share of it. A closed loop has none. */
export function announcedTimes(plan: LoadPlan, seed: number, share: Share = WHOLE): Generator<number> {
  if (plan.engine !== 'k6') return scheduleOf(plan, seed, share);
  return shifted(k6Ticks(k6Ramp(plan.segments), share), plan.segments[0]?.fromMs ?? 0);
}

function* shifted(times: Iterable<number>, byMs: number): Generator<number> {
  for (const time of times) yield time + byMs;
}
