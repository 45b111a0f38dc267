import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, statSync } from 'node:fs';
import type { LoadJob, LoadProgress, LoadSummary } from '../../harness/contracts.ts';
import { SquallError } from '../../harness/errors.ts';
import { endGroup, RUN_VARIABLE, signalGroup } from '../../harness/host/process-group.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import { NOTHING_YET } from './sum.ts';

/** How long the worker may take to leave by itself, in ms, before it is killed. */
const GRACE_MS = 2000;
/** Longest wait for a worker that gets ready; a tool with thousands of virtual users takes seconds. */
const READY_LIMIT_MS = 60_000;
const LAST_WORDS = 12;

/** One process of a load generator, the leader of a group of its own. */
export interface Worker {
  readonly process: ChildProcess;
  readonly ready: Promise<void>;
  readonly done: Promise<LoadSummary>;
  readonly progress: () => LoadProgress;
}

/** Starts a program that waits for its job. @param path of its main file */
export function startWorker(path: string, job: LoadJob): Worker {
  const log = openSync(job.logPath, 'a');
  const logStart = statSync(job.logPath).size;
  const env = { ...process.env, [RUN_VARIABLE]: job.runId };
  const child = spawn(process.execPath, [path], { detached: true, env, stdio: ['ignore', log, log, 'ipc'] });
  closeSync(log);
  const ready = Promise.withResolvers<void>();
  const done = Promise.withResolvers<LoadSummary>();
  // Whoever does not await `done` must not bring the harness down.
  done.promise.catch(() => {});
  let progress = NOTHING_YET;
  let summary: LoadSummary | undefined;
  let failure: SquallError | undefined;

  child.on('message', (message: FromWorker) => {
    if (message.type === 'ready') return ready.resolve();
    if (message.type === 'failed') {
      const { kind, code, message: text, next } = message.failure;
      failure = new SquallError(kind, code, text, { next });
      child.disconnect();
      return;
    }
    progress = message.progress;
    if (message.type !== 'done') return;
    summary = message.summary;
    child.disconnect();
  });
  child.once('error', error => done.reject(died(job, logStart, error.message)));
  child.once('exit', (code, signal) => {
    // A tool that the worker started is in its group, and must not outlive it.
    signalGroup(child.pid!, 'SIGKILL');
    if (summary) done.resolve(summary);
    else done.reject(failure ?? died(job, logStart, signal ? `killed by ${signal}` : `exit code ${code}`));
  });
  return { process: child, ready: ready.promise, done: done.promise, progress: () => progress };
}

/** Waits for `ready`; a worker that ends first, or takes too long, is gone when this rejects. */
export async function isReady(worker: Worker, name: string): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const message = `The load engine ${name} was not ready to send within ${READY_LIMIT_MS / 1000} s`;
    const next = 'Look into load.log of the run, or lower `load.maxInFlight`.';
    late.reject(new SquallError('environment', 'LOAD_ENGINE_NOT_READY', message, { next }));
  }, READY_LIMIT_MS);
  try {
    await Promise.race([worker.ready, worker.done, late.promise]);
  } catch (error) {
    await end(worker);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

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
export function tell({ process: child }: Worker, message: ToWorker): void {
  if (child.connected) child.send(message, () => {});
}

/** Ends the worker, and a tool that it started. Idempotent, bounded. */
export async function end({ process: child }: Worker): Promise<void> {
  await endGroup(child, GRACE_MS);
}
