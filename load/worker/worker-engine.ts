import { dirname } from 'node:path';
import type { LoadEngine, LoadJob, LoadProgress, RunningLoad } from '../../harness/contracts.ts';
import { SquallError } from '../../harness/errors.ts';
import { RUN_VARIABLE } from '../../harness/host/process-group.ts';
import { startWorker, type Worker } from '../../harness/host/worker.ts';
import { sumSummaries } from '../../harness/load-summary.ts';
import { subdivide, WHOLE } from '../../harness/segment.ts';
import { JOURNAL_BYTES } from './journal.ts';
import type { LoadOrder, LoadResult, Settings } from './load-process.ts';
import { NOTHING_YET, sumProgress } from './sum.ts';

/** Time for a worker to exit before it is killed, in ms. */
const GRACE_MS = 2000;
/** Time limit for a worker to become ready; a tool with thousands of virtual users takes seconds. */
const READY_LIMIT_MS = 60_000;

/** Program that generates load, controlled over IPC. */
export interface WorkerProgram {
  readonly name: string;
  /** Path of its main file. */
  readonly path: string;
  /**
   * Checks the program's prerequisites, such as a tool, before the process is started.
   * @throws SquallError if one is missing
   */
  readonly prepare?: (job: LoadJob, signal: AbortSignal) => Promise<Settings>;
}

/**
 * Load engine in separate processes, so that the harness does not delay measurements; in several where one core is not enough. Each
 * sends its partition of the schedule from the same start, and has its own journal, so that lines are never interleaved.
 *
 * ```
 * harness ──prepare, job, stop──► worker ──HTTP──► targets
 *         ◄──ready, progress────    │ requests.ndjson, log
 *         ⋮ (requests.2.ndjson …)
 * ```
 *
 * The start is chosen when all workers are ready. On abort the load stops as with `stop()`.
 */
export function workerEngine({ name, path, prepare }: WorkerProgram): LoadEngine {
  return {
    name,
    async start(job: LoadJob, chooseStart: () => number, signal: AbortSignal): Promise<RunningLoad> {
      signal.throwIfAborted();
      if (job.targets.length === 0)
        throw new SquallError('stack', 'NO_TARGETS', 'Expected `targets` to hold a URL, got none');
      const settings = (await prepare?.(job, signal)) ?? {};
      signal.throwIfAborted();
      const jobs = partitioned(job);
      const workers = jobs.map(own => startLoadWorker(name, path, own));
      const endAll = async () => void (await Promise.all(workers.map(worker => worker[Symbol.asyncDispose]())));
      const stop = () => {
        for (const worker of workers) worker.stop();
      };
      const done = Promise.all(workers.map(worker => worker.done)).then(results =>
        sumSummaries(results.map(({ summary }) => summary)),
      );
      signal.addEventListener('abort', stop);
      done.catch(() => {}).finally(() => signal.removeEventListener('abort', stop));
      try {
        for (const [nth, worker] of workers.entries()) worker.order({ type: 'prepare', job: jobs[nth]!, settings });
        await Promise.all(workers.map(worker => worker.ready));
        const startAtMs = chooseStart();
        for (const [nth, worker] of workers.entries()) worker.order({ type: 'job', job: { ...jobs[nth]!, startAtMs } });
        return {
          pids: workers.map(({ pid }) => pid),
          startAtMs,
          progress: () => sumProgress(workers.map(worker => worker.progress())),
          done,
          stop,
          [Symbol.asyncDispose]: endAll,
        };
      } catch (error) {
        await endAll();
        throw error;
      }
    },
  };
}

interface LoadWorker extends Worker<LoadOrder, LoadResult> {
  progress(): LoadProgress;
}

function startLoadWorker(name: string, path: string, { runId, logPath, journalPath }: LoadJob): LoadWorker {
  let progress = NOTHING_YET;
  const seconds = READY_LIMIT_MS / 1000;
  const worker = startWorker<LoadOrder, LoadProgress, LoadResult>({
    path,
    env: { [RUN_VARIABLE]: runId },
    logPath,
    readyLimitMs: READY_LIMIT_MS,
    graceMs: GRACE_MS,
    onProgress: update => {
      progress = update;
    },
    late: () =>
      new SquallError(
        'environment',
        'LOAD_ENGINE_NOT_READY',
        `The load engine ${name} was not ready to send within ${seconds} s`,
        { next: 'Check load.log in the run directory, or lower `load.maxInFlight`.' },
      ),
    died: (how, output) =>
      new SquallError('stack', 'LOAD_ENGINE_DIED', `The load generator died (${how}). Its last log lines:\n${output}`, {
        next: `Read ${logPath}; the requests up to then are in the run directory, ${dirname(journalPath)}.`,
      }),
  });
  const done = worker.done.then(result => {
    progress = result.progress;
    return result;
  });
  done.catch(() => {});
  return { ...worker, done, progress: () => progress };
}

/** Jobs of the workers: each with its partition of the arrivals and its journal. */
function partitioned(job: LoadJob): LoadJob[] {
  const { workers = 1 } = job.plan;
  const journalBytes = (job.journalBytes ?? JOURNAL_BYTES) / workers;
  return Array.from({ length: workers }, (_, nth) => ({
    ...job,
    journalBytes,
    partition: subdivide(job.partition ?? WHOLE, nth, workers),
    journalPath: nth === 0 ? job.journalPath : job.journalPath.replace(/(\.\w+)$/, `.${nth + 1}$1`),
  }));
}
