import type { LoadJob, LoadProgress } from '../../harness/contracts.ts';
import { type WorkerProcess, workerProcess } from '../../harness/host/worker-process.ts';
import type { LoadOrder, LoadResult, Settings, TimedJob } from './messages.ts';

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
