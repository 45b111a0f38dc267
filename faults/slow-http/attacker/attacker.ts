import type { AttackJob, FromAttacker, ToAttacker } from './messages.ts';
import type { AttackReport, AttackSample } from './tally.ts';
import { startWorker } from './worker.ts';

const PROGRAM = new URL(import.meta.url.endsWith('.ts') ? './main.ts' : './main.js', import.meta.url);

/** An attack under way, in a process of its own. Disposing ends that process and with it every connection. */
export interface RunningAttack extends AsyncDisposable {
  readonly pid: number;
  /** The latest, at most some 200 ms old. */
  sample(): AttackSample;
  /** Settles when its time is over or it was stopped, with all its connections closed. @throws SquallError `WORKER_DIED` */
  readonly done: Promise<AttackReport>;
  stop(): void;
}

/**
 * Starts an attack. On abort it stops.
 * @throws SquallError `WORKER_DIED`, or the signal's reason
 */
export async function startAttack(job: AttackJob, signal: AbortSignal): Promise<RunningAttack> {
  signal.throwIfAborted();
  let sample = NOTHING_YET;
  const done = Promise.withResolvers<AttackReport>();
  done.promise.catch(() => {});
  let report: AttackReport | undefined;
  const worker = await startWorker<ToAttacker, FromAttacker>(PROGRAM, message => {
    if (message.type === 'ready') return;
    if (message.type === 'progress') {
      sample = message.sample;
      return;
    }
    report = message.report;
    sample = report;
    worker.release();
  });
  // Its connections are gone when it is.
  worker.ended.then(
    () => (report ? done.resolve(report) : done.reject(new Error('The attacker ended without a report'))),
    error => done.reject(error),
  );
  const stop = () => worker.tell({ type: 'stop' });
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) {
    await worker[Symbol.asyncDispose]();
    signal.throwIfAborted();
  }
  worker.tell({ type: 'job', job });
  return {
    pid: worker.pid,
    sample: () => sample,
    done: done.promise,
    stop,
    [Symbol.asyncDispose]: () => worker[Symbol.asyncDispose](),
  };
}

const NOTHING_YET: AttackSample = {
  atMs: 0,
  held: 0,
  connecting: 0,
  opened: 0,
  refused: 0,
  turnedAway: 0,
  rejected: 0,
  evicted: 0,
  answered: 0,
  served: 0,
  exhausted: 0,
};
