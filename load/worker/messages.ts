import type { LoadJob, LoadProgress, LoadSummary } from '../../harness/contracts.ts';

/** Job with its start, in ms on the machine's monotonic clock. */
export type TimedJob = LoadJob & { readonly startAtMs: number };

/** Engine-specific settings of a worker; plain JSON. */
export type Settings = Readonly<Record<string, unknown>>;

/** Orders of a load worker: `prepare`, then `job` once it is ready. */
export type LoadOrder =
  | { readonly type: 'prepare'; readonly job: LoadJob; readonly settings: Settings }
  | { readonly type: 'job'; readonly job: TimedJob };

/** Final result of a load worker. */
export interface LoadResult {
  readonly progress: LoadProgress;
  readonly summary: LoadSummary;
}
