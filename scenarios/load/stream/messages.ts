import type { LoadJob, LoadProgress, LoadSummary } from '../../../harness/contracts.ts';

/** What the engine tells its worker process. */
export type ToWorker = { readonly type: 'job'; readonly job: LoadJob } | { readonly type: 'stop' };

/** What the worker tells the engine; `ready` once, when arrivals will be sent on time, `done` once, last. */
export type FromWorker =
  | { readonly type: 'ready' }
  | { readonly type: 'progress'; readonly progress: LoadProgress }
  | { readonly type: 'done'; readonly progress: LoadProgress; readonly summary: LoadSummary };
