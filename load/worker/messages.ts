import type { LoadJob, LoadProgress, LoadSummary } from '../../harness/contracts.ts';

/** A job with its start, in ms of the machine's monotonic clock. */
export type TimedJob = LoadJob & { readonly startAtMs: number };

/** What a worker may need to know before it is ready, beside its job; plain JSON of the engine's own. */
export type Settings = Readonly<Record<string, unknown>>;

/** The orders of a load worker: `prepare` first, then the `job` once it is ready. */
export type LoadOrder =
  | { readonly type: 'prepare'; readonly job: LoadJob; readonly settings: Settings }
  | { readonly type: 'job'; readonly job: TimedJob };

/** What a load worker says at its end. */
export interface LoadResult {
  readonly progress: LoadProgress;
  readonly summary: LoadSummary;
}
