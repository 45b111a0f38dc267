import type { LoadJob, LoadProgress, LoadSummary } from '../../../harness/contracts.ts';

/** A job with its time zero, in ms of the machine's monotonic clock. */
export type TimedJob = LoadJob & { readonly zeroMs: number };

/** What the engine tells its worker process. */
export type ToWorker = { readonly type: 'job'; readonly job: TimedJob } | { readonly type: 'stop' };

/** What the worker tells the engine; `ready` once, when it waits for its job, `done` once, last. */
export type FromWorker =
  | { readonly type: 'ready' }
  | { readonly type: 'progress'; readonly progress: LoadProgress }
  | { readonly type: 'done'; readonly progress: LoadProgress; readonly summary: LoadSummary };
