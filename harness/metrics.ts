import type { Clock } from './clock.ts';
import type { RunningStack } from './contracts.ts';
import { loadEndMs, type RunPlan } from './plan.ts';

/**
 * Metrics of one replica in one round of samples: a small fixed set, so that a history stays small however much its services
 * export. Each is the sum over the replica's engines, GPUs or label values unless stated otherwise. Counters restart with the
 * replica. A metric that a replica does not export is absent.
 */
export interface Readings {
  /** Requests waiting for a slot in an engine's batch. */
  readonly queue?: number;
  /** Requests in an engine's batch. */
  readonly running?: number;
  /** Ratio of KV cache blocks in use, 0–1; of the fullest engine. */
  readonly kvRatio?: number;
  /** GPU utilisation, 0–100; of the busiest GPU. */
  readonly gpuPercent?: number;
  readonly gpuUsedMiB?: number;
  readonly gpuFreeMiB?: number;
  /** Counter: requests preempted for lack of KV cache. */
  readonly preemptions?: number;
  /** Counters: prompt tokens that were looked up in an engine's prefix cache, and those of them that were found there. */
  readonly cacheQueries?: number;
  readonly cacheHits?: number;
  /** The same as a ratio, 0–1, over a time that the engine decides; from engines that count neither. */
  readonly cacheHitRatio?: number;
  /** Counters: requests that a gateway may serve from its cache of responses, and those that it did. */
  readonly responseQueries?: number;
  readonly responseHits?: number;
  /** Requests in flight at a gateway. */
  readonly inFlight?: number;
  /** Counter: retries, which are attempts after the first. */
  readonly retries?: number;
  /** Counter: upstreams ejected as outliers. */
  readonly ejections?: number;
  /** Circuit breakers of a gateway that are open. */
  readonly openBreakers?: number;
  /** Upstreams that a gateway has taken out since they showed no output. */
  readonly zombies?: number;
  /** Counters: versions of models that a gateway rolled back by itself, and those of them whose first tokens were too slow. */
  readonly rollbacks?: number;
  readonly slowRollbacks?: number;
  /** Counter: connections of clients that a gateway closed because they exceeded a limit or a deadline. */
  readonly forcedCloses?: number;
  /** Resident memory of the process. */
  readonly memoryMiB?: number;
}

/** Name of a reading. */
export type Metric = keyof Readings;

/** Interval between rounds of samples of a load of up to an hour, in ms. */
export const SAMPLE_INTERVAL_MS = 1000;
const HOUR_MS = 3_600_000;

/** Interval between rounds of samples, in ms: a second for each hour that the load takes, so that a day has not 24 times the samples of an hour. */
export function sampleIntervalMs(plan: Pick<RunPlan, 'load'>): number {
  return SAMPLE_INTERVAL_MS * Math.max(1, Math.ceil(loadEndMs(plan) / HOUR_MS));
}

/** Input of a {@link MetricsSource}. */
export interface SamplingJob {
  readonly stack: RunningStack;
  readonly clock: Clock;
  /** Start of the load phase on the clock; samples are taken half-way between multiples of the interval from it. */
  readonly startAtMs: number;
  /** Interval between rounds, in ms. */
  readonly everyMs: number;
  /** Records a round: when it was requested, on the clock, and the readings by replica, without those that did not respond. */
  record(takenAtMs: number, readings: Readonly<Record<string, Readings>>): void;
}

/**
 * Samples the metrics of a stack during a run, without disturbing it: `start` does not wait and nothing throws; metrics that cannot be
 * read are missing. Disposing ends it, within a time limit, after its last `record`.
 */
export interface MetricsSource {
  start(job: SamplingJob): AsyncDisposable;
}
