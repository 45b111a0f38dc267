import type { LoadEngine, LoadJob, RunningLoad } from '../../harness/contracts.ts';
import { SquallError } from '../../harness/errors.ts';
import { dealt, WHOLE } from '../../harness/segment.ts';
import { sumProgress, sumSummaries } from './stream/sum.ts';
import { end, startWorker, tell } from './stream/worker.ts';
import { requireSameTrace } from './trace/trace.ts';

/**
 * The streaming client: open-loop arrivals, server-sent events, every token timed from the schedule. It runs in processes of
 * its own, so that nothing the harness does delays a measurement; in several where one core is too little. Each drives its
 * share of the same schedule from the same time zero, into a journal of its own, so that no line is ever torn by another.
 *
 * ```
 * harness ──job, stop──► worker ──HTTP──► targets
 *         ◄──progress──    │ requests.ndjson
 *         ──job, stop──► worker ──HTTP──► targets
 *         ◄──progress──    │ requests.2.ndjson
 * ```
 *
 * Time zero is chosen when all workers are ready for their job; they still start a thread then, so the first arrival should lie
 * some 300 ms later. On abort the load stops as with `stop()`.
 */
export const streamEngine = {
  name: 'stream',
  async start(job: LoadJob, chooseZero: () => number, signal: AbortSignal): Promise<RunningLoad> {
    signal.throwIfAborted();
    if (job.targets.length === 0)
      throw new SquallError('stack', 'NO_TARGETS', 'Expected `targets` to hold a URL, got none');
    const { trace } = job.plan;
    if (trace) requireSameTrace(trace.file, trace.sha256);
    const jobs = sharedOut(job);
    const workers = jobs.map(startWorker);
    const endAll = async () => void (await Promise.all(workers.map(end)));
    const stop = () => {
      for (const worker of workers) tell(worker, { type: 'stop' });
    };
    const done = Promise.all(workers.map(worker => worker.done)).then(sumSummaries);
    signal.addEventListener('abort', stop);
    done.catch(() => {}).finally(() => signal.removeEventListener('abort', stop));
    try {
      await Promise.race([Promise.all(workers.map(worker => worker.ready)), done]);
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
} satisfies LoadEngine;

/** One job a worker: its share of the arrivals and its journal. */
function sharedOut(job: LoadJob): LoadJob[] {
  const { workers = 1 } = job.plan;
  return Array.from({ length: workers }, (_, nth) => ({
    ...job,
    share: dealt(job.share ?? WHOLE, nth, workers),
    journalPath: nth === 0 ? job.journalPath : job.journalPath.replace(/(\.\w+)$/, `.${nth + 1}$1`),
  }));
}
