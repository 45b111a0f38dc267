import type { LoadEngine, LoadJob, LoadProgress, RunningLoad } from '../../harness/contracts.ts';
import { SquallError } from '../../harness/errors.ts';
import { RUN_VARIABLE } from '../../harness/host/process-group.ts';
import { startWorker, type Worker } from '../../harness/host/worker.ts';
import { sumSummaries } from '../../harness/load-summary.ts';
import { subdivide, WHOLE } from '../../harness/segment.ts';
import type { LoadOrder, LoadResult, Settings } from './messages.ts';
import { NOTHING_YET, sumProgress } from './sum.ts';

/** How long a worker may take to leave by itself, in ms, before it is killed. */
const GRACE_MS = 2000;
/** Longest wait for a worker that gets ready; a tool with thousands of virtual users takes seconds. */
const READY_LIMIT_MS = 60_000;

/** A program that generates load, told its job over IPC. */
export interface WorkerProgram {
  readonly name: string;
  /** Path of its main file. */
  readonly path: string;
  /**
   * Looks for what the program needs, such as a tool, before the process is started.
   * @throws SquallError when it is missing
   */
  readonly prepare?: (job: LoadJob, signal: AbortSignal) => Promise<Settings>;
}

/**
 * A load engine whose work is done by processes of its own, so that nothing the harness does delays a measurement; by several
 * where one core is too little. Each drives its partition of the same schedule from the same start, into a journal of its own, so
 * that no line is ever torn by another.
 *
 * ```
 * harness ──prepare, job, stop──► worker ──HTTP──► targets
 *         ◄──ready, progress────    │ requests.ndjson, log
 *         ──prepare, job, stop──► worker ──HTTP──► targets
 *         ◄──ready, progress────    │ requests.2.ndjson, log
 * ```
 *
 * Start is chosen when all workers are ready for their job. On abort the load stops as with `stop()`.
 */
export function workerEngine({ name, path, prepare }: WorkerProgram): LoadEngine {
  return {
    name,
    async start(job: LoadJob, chooseStart: () => number, signal: AbortSignal): Promise<RunningLoad> {
      signal.throwIfAborted();
      if (job.targets.length === 0)
        throw new SquallError('stack', 'NO_TARGETS', 'Expected `targets` to hold a URL, got none');
      const settings = (await prepare?.(job, signal)) ?? {};
      const jobs = sharedOut(job);
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
        const [pid, ...morePids] = workers.map(worker => worker.pid);
        return {
          pid: pid!,
          morePids,
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

/** A worker of a load, and how far it has come. */
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
    onProgress: told => {
      progress = told;
    },
    late: () =>
      new SquallError(
        'environment',
        'LOAD_ENGINE_NOT_READY',
        `The load engine ${name} was not ready to send within ${seconds} s`,
        { next: 'Look into load.log of the run, or lower `load.maxInFlight`.' },
      ),
    died: (how, output) =>
      new SquallError('stack', 'LOAD_ENGINE_DIED', `The load generator died (${how}). Its last log lines:\n${output}`, {
        next: `Read ${logPath}; the requests up to then are in ${journalPath}.`,
      }),
  });
  const done = worker.done.then(result => {
    progress = result.progress;
    return result;
  });
  done.catch(() => {});
  return { ...worker, done, progress: () => progress };
}

/** One job a worker: its partition of the arrivals and its journal. */
function sharedOut(job: LoadJob): LoadJob[] {
  const { workers = 1 } = job.plan;
  return Array.from({ length: workers }, (_, nth) => ({
    ...job,
    partition: subdivide(job.partition ?? WHOLE, nth, workers),
    journalPath: nth === 0 ? job.journalPath : job.journalPath.replace(/(\.\w+)$/, `.${nth + 1}$1`),
  }));
}
