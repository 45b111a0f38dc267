import type { LoadEngine, LoadJob, RunningLoad } from '../../harness/contracts.ts';
import { SquallError } from '../../harness/errors.ts';
import { sumSummaries } from '../../harness/load-summary.ts';
import { subdivide, WHOLE } from '../../harness/segment.ts';
import type { Settings } from './messages.ts';
import { sumProgress } from './sum.ts';
import { end, isReady, startWorker, tell } from './worker.ts';

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
 * where one core is too little. Each drives its share of the same schedule from the same time zero, into a journal of its own, so
 * that no line is ever torn by another.
 *
 * ```
 * harness ──prepare, job, stop──► worker ──HTTP──► targets
 *         ◄──ready, progress────    │ requests.ndjson, log
 *         ──prepare, job, stop──► worker ──HTTP──► targets
 *         ◄──ready, progress────    │ requests.2.ndjson, log
 * ```
 *
 * Time zero is chosen when all workers are ready for their job. On abort the load stops as with `stop()`.
 */
export function workerEngine({ name, path, prepare }: WorkerProgram): LoadEngine {
  return {
    name,
    async start(job: LoadJob, chooseZero: () => number, signal: AbortSignal): Promise<RunningLoad> {
      signal.throwIfAborted();
      if (job.targets.length === 0)
        throw new SquallError('stack', 'NO_TARGETS', 'Expected `targets` to hold a URL, got none');
      const settings = (await prepare?.(job, signal)) ?? {};
      const jobs = sharedOut(job);
      const workers = jobs.map(own => startWorker(path, own));
      const endAll = async () => void (await Promise.all(workers.map(end)));
      const stop = () => {
        for (const worker of workers) tell(worker, { type: 'stop' });
      };
      const done = Promise.all(workers.map(worker => worker.done)).then(sumSummaries);
      signal.addEventListener('abort', stop);
      done.catch(() => {}).finally(() => signal.removeEventListener('abort', stop));
      try {
        for (const [nth, worker] of workers.entries()) tell(worker, { type: 'prepare', job: jobs[nth]!, settings });
        await Promise.all(workers.map(worker => isReady(worker, name)));
        const zeroMs = chooseZero();
        for (const [nth, worker] of workers.entries()) tell(worker, { type: 'job', job: { ...jobs[nth]!, zeroMs } });
        const [pid, ...morePids] = workers.map(worker => worker.process.pid!);
        return {
          pid: pid!,
          morePids,
          zeroMs,
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

/** One job a worker: its share of the arrivals and its journal. */
function sharedOut(job: LoadJob): LoadJob[] {
  const { workers = 1 } = job.plan;
  return Array.from({ length: workers }, (_, nth) => ({
    ...job,
    share: subdivide(job.share ?? WHOLE, nth, workers),
    journalPath: nth === 0 ? job.journalPath : job.journalPath.replace(/(\.\w+)$/, `.${nth + 1}$1`),
  }));
}
