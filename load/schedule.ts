import { type ArrivalProcess, arrivalTimes, digestArrivals } from '../harness/arrivals/arrivals.ts';
import type { ArrivalCount, LoadPlan, TracePlan } from '../harness/plan.ts';
import { seededRandom } from '../harness/random.ts';
import { arrivalsOf, type Partition, partOf, WHOLE } from '../harness/segment.ts';
import { iterationsIn, k6Ramp } from './k6/stages.ts';
import { replayTrace } from './trace/trace.ts';

/** A request that is due at an instant, whatever became of others. */
export interface Arrival {
  /** On the run's time line; negative in the warm-up. */
  readonly atMs: number;
  /** Of a replayed row. */
  readonly tokens?: readonly [promptTokens: number, outputTokens: number];
}

/** What {@link scheduled} needs of a plan. */
export type ScheduledLoad = Pick<LoadPlan, 'ramps' | 'arrivals' | 'trace'>;

/**
 * The arrivals that a plan and a seed decide, ascending, warm-up included. Lazy: a day of load costs no memory. The generator
 * and a dry run both call this, so what was announced is what is sent. A closed loop has none. The warm-up is evenly spaced,
 * whatever follows: in a burst's long gap it would warm up nothing, and no steady state could be seen.
 */
export function* scheduled({ ramps, arrivals, trace }: ScheduledLoad, seed: number): Generator<Arrival> {
  if (isClosed(arrivals)) return;
  const random = seededRandom(seed).stream('arrivals');
  const { warmUp = [], driven = [] } = Object.groupBy(ramps, ({ toMs }) => (toMs <= 0 ? 'warmUp' : 'driven'));
  using rest = isReplay(arrivals) ? replayed(trace!) : timed(arrivalTimes(driven, arrivals, random));
  // The way to a trace's cut may be long, and nothing is due yet.
  let next = rest.next();
  yield* timed(arrivalTimes(warmUp, 'constant', random));
  for (; !next.done; next = rest.next()) yield next.value;
}

function* timed(times: Iterable<number>): Generator<Arrival> {
  for (const atMs of times) yield { atMs };
}

function* replayed(trace: TracePlan): Generator<Arrival> {
  for (const { atMs, promptTokens, outputTokens } of replayTrace(trace))
    yield { atMs, tokens: [promptTokens, outputTokens] };
}

/** The times alone of a partition of {@link scheduled}, in ms. */
export function* scheduleOf(plan: ScheduledLoad, seed: number, partition: Partition = WHOLE): Generator<number> {
  for (const { atMs } of arrivalsOf(scheduled(plan, seed), partition)) yield atMs;
}

/** Whether users who wait for their answers make the load. */
export function isClosed(process: ArrivalProcess): process is Extract<ArrivalProcess, { readonly kind: 'closed' }> {
  return typeof process === 'object' && process.kind === 'closed';
}

/** Whether a trace makes the load. */
export function isReplay(process: ArrivalProcess): process is Extract<ArrivalProcess, { readonly kind: 'trace' }> {
  return typeof process === 'object' && process.kind === 'trace';
}

/**
 * What a dry run announces: the arrivals of the plan, or of a partition of it; null in a closed loop, which has none. k6 decides itself
 * when its arrivals are; of them the rates and durations that it is given are hashed.
 */
export function announced(plan: LoadPlan, seed: number, partition: Partition = WHOLE): ArrivalCount | null {
  if (isClosed(plan.arrivals)) return null;
  if (plan.engine !== 'k6') return digestArrivals(scheduleOf(plan, seed, partition));
  const ramp = k6Ramp(plan.ramps);
  const given = [ramp.startRate, ...ramp.stages.flatMap(({ target, durationMs }) => [target, durationMs])];
  return { count: partOf(iterationsIn(ramp), partition), sha256: digestArrivals(given).sha256 };
}
