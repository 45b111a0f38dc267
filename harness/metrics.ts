/**
 * What is kept of one replica's metrics in one round of samples: a small declared set, so that a history stays small
 * however much its services tell. Each is the sum over the replica's engines, GPUs or label values unless it says otherwise;
 * counters count from the replica's last start, so they fall back when it restarts. What a replica does not tell is missing.
 */
export interface Readings {
  /** Requests waiting for a place in an engine's batch. */
  readonly queue?: number;
  /** Requests in an engine's batch. */
  readonly running?: number;
  /** Share of the KV cache blocks in use, 0–1; of the fullest engine. */
  readonly kvRatio?: number;
  /** How much of the time a GPU is busy, 0–100; of the busiest. */
  readonly gpuPercent?: number;
  readonly gpuUsedMiB?: number;
  readonly gpuFreeMiB?: number;
  /** Counter: requests thrown out of a batch for want of KV cache. */
  readonly preemptions?: number;
  /** Requests being handled by a gateway. */
  readonly inFlight?: number;
  /** Counter: attempts beyond a request's first. */
  readonly retries?: number;
  /** Counter: upstreams ejected as outliers. */
  readonly ejections?: number;
  /** Resident memory of the process. */
  readonly memoryMiB?: number;
}

/** The name of one reading. */
export type Metric = keyof Readings;

/** Time between two rounds of samples, in ms. */
export const SAMPLE_INTERVAL_MS = 1000;
