import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { LoadEngine, LoadJob, LoadProgress, LoadSummary, RunningLoad } from '../../harness/contracts.ts';
import { SquallError } from '../../harness/errors.ts';
import type { FromWorker, ToWorker } from './stream/messages.ts';
import { requireSameTrace } from './trace/trace.ts';

const WORKER = fileURLToPath(new URL('./stream/main.ts', import.meta.url));
/** How long the worker may take to leave by itself, in ms, before it is killed. */
const GRACE_MS = 2000;
const LAST_WORDS = 8;

/**
 * The streaming client: open-loop arrivals, server-sent events, every token timed from the schedule. It runs in a process of
 * its own, so that nothing the harness does delays a measurement.
 *
 * ```
 * harness ──job, stop──► worker ──HTTP──► targets
 *         ◄──progress──    │ journal, log
 * ```
 *
 * Time zero is chosen when the worker is ready for its job; it still starts a thread then, so the first arrival should lie some
 * 300 ms later. On abort the load stops as with `stop()`.
 */
export const streamEngine = {
  name: 'stream',
  async start(job: LoadJob, chooseZero: () => number, signal: AbortSignal): Promise<RunningLoad> {
    signal.throwIfAborted();
    if (job.targets.length === 0)
      throw new SquallError('stack', 'NO_TARGETS', 'Expected `targets` to hold a URL, got none');
    const { trace } = job.plan;
    if (trace) requireSameTrace(trace.file, trace.sha256);
    const worker = startWorker(job);
    const stop = () => tell(worker.process, { type: 'stop' });
    signal.addEventListener('abort', stop);
    worker.done.catch(() => {}).finally(() => signal.removeEventListener('abort', stop));
    await Promise.race([worker.ready, worker.done]);
    const zeroMs = chooseZero();
    tell(worker.process, { type: 'job', job: { ...job, zeroMs } });
    return {
      pid: worker.process.pid!,
      zeroMs,
      progress: worker.progress,
      done: worker.done,
      stop,
      [Symbol.asyncDispose]: () => end(worker.process),
    };
  },
} satisfies LoadEngine;

interface Worker {
  readonly process: ChildProcess;
  readonly ready: Promise<void>;
  readonly done: Promise<LoadSummary>;
  readonly progress: () => LoadProgress;
}

function startWorker(job: LoadJob): Worker {
  const log = openSync(job.logPath, 'a');
  const logStart = statSync(job.logPath).size;
  const env = { ...process.env, SQUALL_RUN: job.runId };
  const child = spawn(process.execPath, [WORKER], { detached: true, env, stdio: ['ignore', log, log, 'ipc'] });
  closeSync(log);
  const ready = Promise.withResolvers<void>();
  const done = Promise.withResolvers<LoadSummary>();
  // Whoever does not await `done` must not bring the harness down.
  done.promise.catch(() => {});
  let progress = NOTHING_YET;
  let summary: LoadSummary | undefined;

  child.on('message', (message: FromWorker) => {
    if (message.type === 'ready') return ready.resolve();
    progress = message.progress;
    if (message.type !== 'done') return;
    summary = message.summary;
    child.disconnect();
  });
  child.once('error', error => done.reject(died(job, logStart, error.message)));
  child.once('exit', (code, signal) => {
    if (summary) done.resolve(summary);
    else done.reject(died(job, logStart, signal ? `killed by ${signal}` : `exit code ${code}`));
  });
  return { process: child, ready: ready.promise, done: done.promise, progress: () => progress };
}

const NOTHING_YET: LoadProgress = {
  sent: 0,
  completed: 0,
  failed: 0,
  dropped: 0,
  inFlight: 0,
  recentP99TtftMs: null,
  recentPerSecond: 0,
  warmUp: { completed: 0, failed: 0 },
};

function died(job: LoadJob, logStart: number, how: string): SquallError {
  const words = readFileSync(job.logPath)
    .subarray(logStart)
    .toString()
    .trim()
    .split('\n')
    .slice(-LAST_WORDS)
    .join('\n');
  return new SquallError('stack', 'LOAD_ENGINE_DIED', `The load generator died (${how}). Its last words:\n${words}`, {
    next: `Read ${job.logPath}; the requests up to then are in ${job.journalPath}.`,
  });
}

/** A worker that has just gone cannot be told anything; `done` says so. */
function tell(child: ChildProcess, message: ToWorker): void {
  if (child.connected) child.send(message, () => {});
}

/** Ends the worker: asks, waits, kills its group. Idempotent. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => killGroup(child.pid!), GRACE_MS);
  await gone;
  clearTimeout(timer);
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Already gone.
  }
}
