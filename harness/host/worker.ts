import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, statSync } from 'node:fs';
import { systemClock } from '../clock.ts';
import { type ErrorKind, SquallError } from '../errors.ts';
import { endGroup, signalGroup } from './process-group.ts';

const LAST_LINES = 12;
const LAST_BYTES = 4000;

/** What a worker is sent: any number of orders of its program's own type, and to stop. */
export type ToWorker<Order> = { readonly type: 'order'; readonly order: Order } | { readonly type: 'stop' };

/**
 * What a worker sends: `ready` once, then `progress` as often as it likes, last `done`, or `failed` instead of it when it knows
 * better than its exit code what is wrong.
 */
export type FromWorker<Progress, Result> =
  | { readonly type: 'ready' }
  | { readonly type: 'progress'; readonly progress: Progress }
  | { readonly type: 'done'; readonly result: Result }
  | { readonly type: 'failed'; readonly failure: WorkerFailure };

/** An error on its way between processes, with the fields of a {@link SquallError}. */
export interface WorkerFailure {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly message: string;
  readonly next: string;
}

/** Options of {@link startWorker}. */
export interface WorkerOptions<Progress> {
  /** Path of the program's main file, which calls `workerProcess`. */
  readonly path: string;
  /** Flags of Node's. @default none */
  readonly nodeFlags?: readonly string[];
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** File to which its output is appended. @default only the end of its standard error is kept, in memory */
  readonly logPath?: string;
  /** How long it may take to become ready, in ms. */
  readonly readyLimitMs: number;
  /** How long it may take to leave by itself when it is disposed, in ms, before its group is killed. */
  readonly graceMs: number;
  readonly onProgress: (progress: Progress) => void;
  /** The error of one that is not ready in time. */
  readonly late: () => SquallError;
  /** The error of one that ended without a result. @param how such as `exit code 1` @param output its last log lines */
  readonly died: (how: string, output: string) => SquallError;
}

/** A process of ours that works for this one, the leader of a group of its own. Disposing ends it and whatever it started. */
export interface Worker<Order, Result> extends AsyncDisposable {
  /** 0 when it could not be started, which `ready` and `done` then say. */
  readonly pid: number;
  /** Rejects when it ends first or takes too long; it is gone then. */
  readonly ready: Promise<void>;
  /** Settles when its process is gone. @throws SquallError what it failed with, or that of `died` */
  readonly done: Promise<Result>;
  /** A worker that has gone cannot be sent anything; `done` says so. */
  order(order: Order): void;
  stop(): void;
}

/**
 * Starts a worker.
 *
 * ```
 * this process ──order, stop──────────────────────► worker
 *              ◄──ready, progress, done or failed──
 * ```
 *
 * It ends when its result was taken, when it is disposed, and when this process is gone.
 */
export function startWorker<Order, Progress, Result>(options: WorkerOptions<Progress>): Worker<Order, Result> {
  const { path, nodeFlags = [], env, graceMs, onProgress, died } = options;
  const output = openOutput(options.logPath);
  const child = spawn(process.execPath, [...nodeFlags, path], {
    detached: true,
    env: { ...process.env, ...env },
    stdio: ['ignore', ...output.stdio, 'ipc'],
  });
  output.opened(child.stderr);
  const ready = Promise.withResolvers<void>();
  const done = Promise.withResolvers<Result>();
  // Whoever does not await them must not be brought down by them.
  done.promise.catch(() => {});
  let settle = (how: string) => done.reject(died(how, output.end()));
  child.on('message', (message: FromWorker<Progress, Result>) => {
    if (message.type === 'ready') return ready.resolve();
    if (message.type === 'progress') return onProgress(message.progress);
    settle = () => (message.type === 'done' ? done.resolve(message.result) : done.reject(errorOf(message.failure)));
    child.disconnect();
  });
  child.once('error', error => settle(error.message));
  child.once('exit', (code, signal) => {
    // A tool that it started is in its group, and must not outlive it.
    signalGroup(child.pid!, 'SIGKILL');
    settle(signal ? `killed by ${signal}` : `exit code ${code}`);
  });
  const send = (message: ToWorker<Order>) => void (child.connected && child.send(message, () => {}));
  const end = () => endGroup(child, graceMs);
  return {
    pid: child.pid ?? 0,
    ready: orEnd(ready.promise, done.promise, options, end),
    done: done.promise,
    order: order => send({ type: 'order', order }),
    stop: () => send({ type: 'stop' }),
    [Symbol.asyncDispose]: end,
  };
}

/** Waits for `ready` within its limit, and ends a worker that does not become it. */
function orEnd(
  ready: Promise<void>,
  done: Promise<unknown>,
  { readyLimitMs, late }: Pick<WorkerOptions<never>, 'readyLimitMs' | 'late'>,
  end: () => Promise<void>,
): Promise<void> {
  const limit = Promise.withResolvers<never>();
  const unlimit = systemClock.after(readyLimitMs, () => limit.reject(late()));
  const settled = Promise.race([ready, done.then(() => {}), limit.promise])
    .catch(error => end().then(() => Promise.reject(error)))
    .finally(unlimit);
  settled.catch(() => {});
  return settled;
}

/** The error that a worker sent. */
export function errorOf({ kind, code, message, next }: WorkerFailure): SquallError {
  return new SquallError(kind, code, message, { next });
}

/** Where a worker's output goes, and its end. */
function openOutput(logPath: string | undefined) {
  const lastLines = (text: string) => text.trim().split('\n').slice(-LAST_LINES).join('\n');
  if (logPath === undefined) {
    let text = '';
    const keep = (chunk: Buffer) => {
      text = `${text}${chunk}`.slice(-LAST_BYTES);
    };
    return {
      stdio: ['ignore', 'pipe'] as const,
      opened: (stderr: NodeJS.ReadableStream | null) => void stderr?.on('data', keep),
      end: () => lastLines(text),
    };
  }
  const log = openSync(logPath, 'a', 0o600);
  const { size } = statSync(logPath);
  return {
    stdio: [log, log] as const,
    opened: () => closeSync(log),
    end: () => lastLines(readFileSync(logPath).subarray(size).toString()),
  };
}
