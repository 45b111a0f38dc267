import type { LoadJob, LoadProgress, LoadSummary } from '../../harness/contracts.ts';

/** A job with its time zero, in ms of the machine's monotonic clock. */
export type TimedJob = LoadJob & { readonly zeroMs: number };

/** What a worker may need to know before it is ready, beside its job; plain JSON of the engine's own. */
export type Settings = Readonly<Record<string, unknown>>;

/** What an engine tells its worker process: `prepare` first, then the `job` in answer to `ready`. */
export type ToWorker =
  | { readonly type: 'prepare'; readonly job: LoadJob; readonly settings: Settings }
  | { readonly type: 'job'; readonly job: TimedJob }
  | { readonly type: 'stop' };

/** An error on its way between processes, with the fields of a SquallError. */
export interface WorkerFailure {
  readonly kind: 'environment' | 'stack';
  readonly code: string;
  readonly message: string;
  readonly next: string;
}

/**
 * What the worker tells the engine; `ready` once, when it waits for its job, `done` once, last; or `failed`, instead of either,
 * when it knows better than its exit code what is wrong.
 */
export type FromWorker =
  | { readonly type: 'ready' }
  | { readonly type: 'progress'; readonly progress: LoadProgress }
  | { readonly type: 'failed'; readonly failure: WorkerFailure }
  | { readonly type: 'done'; readonly progress: LoadProgress; readonly summary: LoadSummary };
