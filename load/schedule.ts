import { type ArrivalProcess, arrivalTimes, digestArrivals } from '../harness/arrivals/arrivals.ts';
import type { ArrivalCount, LoadPlan, TracePlan } from '../harness/plan.ts';
import { type Random, seededRandom } from '../harness/random.ts';
import { arrivalsOf, type Partition, partOf, WHOLE } from '../harness/segment.ts';
import { iterationsIn, k6Ramp } from './k6/stages.ts';
import { replayTrace } from './trace/trace.ts';

/** Arrival of an open loop. */
export interface Arrival {
  /** On the run's timeline; negative in the warm-up. */
  readonly atMs: number;
  /** Token counts of a replayed row. */
  readonly tokens?: readonly [promptTokens: number, outputTokens: number];
}

/** Part of a plan that decides its schedule. */
export type ScheduledLoad = Pick<LoadPlan, 'ramps' | 'arrivals' | 'trace'>;

/**
 * Arrivals of a plan and seed in ascending order, including the warm-up; none in a closed loop. Lazy, so a day of load needs no
 * memory. Generator and dry run share it, so what is announced is what is sent. The warm-up is always evenly spaced: a long gap
 * between bursts would warm up nothing.
 */
export function* scheduled({ ramps, arrivals, trace }: ScheduledLoad, seed: number): Generator<Arrival> {
  if (isClosed(arrivals)) return;
  const random = seededRandom(seed).stream('arrivals');
  const { warmUp = [], driven = [] } = Object.groupBy(ramps, ({ toMs }) => (toMs <= 0 ? 'warmUp' : 'driven'));
  const rest = isReplay(arrivals)
    ? replayed(trace!, random.stream('trace'))
    : timed(arrivalTimes(driven, arrivals, random));
  // No `using`: generators of Node.js 22 are not disposable.
  try {
    // Reading up to a trace's cut may take long, so it happens before the first arrival is due.
    let next = rest.next();
    yield* timed(arrivalTimes(warmUp, 'constant', random));
    for (; !next.done; next = rest.next()) yield next.value;
  } finally {
    rest.return(undefined);
  }
}

function* timed(times: Iterable<number>): Generator<Arrival> {
  for (const atMs of times) yield { atMs };
}

function* replayed(trace: TracePlan, random: Random): Generator<Arrival> {
  for (const { atMs, promptTokens, outputTokens } of replayTrace(trace, random))
    yield { atMs, tokens: [promptTokens, outputTokens] };
}

/** Times of a partition of {@link scheduled}, in ms. */
export function* scheduleOf(plan: ScheduledLoad, seed: number, partition: Partition = WHOLE): Generator<number> {
  for (const { atMs } of arrivalsOf(scheduled(plan, seed), partition)) yield atMs;
}

/** Whether the load is a closed loop: users who wait for their responses. */
export function isClosed(process: ArrivalProcess): process is Extract<ArrivalProcess, { readonly kind: 'closed' }> {
  return typeof process === 'object' && process.kind === 'closed';
}

/** Whether the load replays a trace. */
export function isReplay(process: ArrivalProcess): process is Extract<ArrivalProcess, { readonly kind: 'trace' }> {
  return typeof process === 'object' && process.kind === 'trace';
}

/**
 * Number and digest of the arrivals of a plan or a partition, for a dry run; null in a closed loop. For k6, which times its arrivals
 * itself, the digest is that of its rates and durations.
 */
export function announced(plan: LoadPlan, seed: number, partition: Partition = WHOLE): ArrivalCount | null {
  if (isClosed(plan.arrivals)) return null;
  if (plan.engine !== 'k6') return digestArrivals(scheduleOf(plan, seed, partition));
  const ramp = k6Ramp(plan.ramps);
  const given = [ramp.startRate, ...ramp.stages.flatMap(({ target, durationMs }) => [target, durationMs])];
  return { count: partOf(iterationsIn(ramp), partition), sha256: digestArrivals(given).sha256 };
}
