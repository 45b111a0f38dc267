import type { LoadJob, LoadProgress, LoadSummary } from '../../harness/contracts.ts';
import { type WorkerProcess, workerProcess } from '../../harness/host/worker-process.ts';

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

const PROGRESS_MS = 250;

/** Program of a load worker. */
export interface LoadDuties {
  prepare(job: LoadJob, settings: Settings): Promise<void>;
  job(job: TimedJob): Promise<void>;
  /** Undefined before the load has begun. */
  progress(): LoadProgress | undefined;
  /** See `WorkerDuties`. */
  readonly farewellMs: number;
}

/** Makes this process a worker of a load engine, as started by `workerEngine`. */
export function loadProcess({ prepare, job, progress, farewellMs }: LoadDuties): WorkerProcess<LoadResult> {
  return workerProcess<LoadOrder, LoadProgress, LoadResult>({
    order: order => (order.type === 'job' ? job(order.job) : prepare(order.job, order.settings)),
    progress,
    progressMs: PROGRESS_MS,
    farewellMs,
  });
}
