import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../harness/clock.ts';
import { endGroup } from '../../harness/host/process-group.ts';
import { errorOf } from '../../harness/host/worker.ts';
import { type Reply, SCRATCH } from './serve-orders.ts';

/** Options of {@link startWorkers}. */
export interface WorkersOptions<Result> {
  /** Program of a worker, which calls `serveOrders`. */
  readonly program: string;
  /** Number of processes. */
  readonly jobs: number;
  /** Ends everything. */
  readonly signal: AbortSignal;
  /** Longest real time of one order, in ms. */
  readonly limitMs: number;
  /** Orders after which a process is replaced by a fresh one. @default 200 */
  readonly maxOrders?: number;
  /** Result of an order of which its process died, or that did not end in time. @throws an error for the order instead */
  readonly lost: (kind: 'crash' | 'hang', name: string, message: string) => Result;
  /** Whether a process may have anything left behind by an order, and is replaced. @default never */
  readonly isSpent?: (result: Result) => boolean;
}

/** Processes that carry out orders. Each stays warm over many; disposing ends them all. */
export interface Workers<Order, Result> extends AsyncDisposable {
  /**
   * Carries out an order as soon as a process is free. A process that dies of it, or does not end in time, gives the result `lost`.
   * @param first whether it goes before all that wait. @default false
   * @throws SquallError that the worker threw, or an error of `lost`; the signal's reason on abort
   */
  order(order: Order, first?: boolean): Promise<Result>;
}

interface Task<Order, Result> {
  readonly order: Order;
  readonly done: PromiseWithResolvers<Result>;
}

const LAST_BYTES = 4000;
/** Time to leave by itself, in ms: it has nothing to clean up but a folder. */
const GRACE_MS = 100;

/** Starts no process yet: the first orders do. Orders and results are plain JSON. */
export function startWorkers<Order, Result>(options: WorkersOptions<Result>): Workers<Order, Result> {
  const { jobs, signal } = options;
  const tasks: Task<Order, Result>[] = [];
  // Where runs write; a process that is killed leaves its part behind.
  const scratch = mkdtempSync(join(tmpdir(), SCRATCH));
  const slots = Array.from({ length: jobs }, () => new Slot<Order, Result>(options, scratch));
  const end = () => Promise.all(slots.map(slot => slot.end()));
  const next = () => {
    for (const slot of slots) {
      if (slot.isBusy) continue;
      const task = tasks.shift();
      if (!task) return;
      slot.carryOut(task.order).then(task.done.resolve, task.done.reject).finally(next);
    }
  };
  const interrupt = () => {
    for (const { done } of tasks.splice(0)) done.reject(signal.reason);
    end();
  };
  signal.addEventListener('abort', interrupt, { once: true });
  return {
    async order(order, first = false) {
      signal.throwIfAborted();
      const task = { order, done: Promise.withResolvers<Result>() };
      tasks[first ? 'unshift' : 'push'](task);
      next();
      const result = await task.done.promise;
      // What a process that was ended died of says nothing.
      signal.throwIfAborted();
      return result;
    },
    async [Symbol.asyncDispose]() {
      signal.removeEventListener('abort', interrupt);
      await end();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

/** One process at a time. */
class Slot<Order, Result> {
  readonly #options: WorkersOptions<Result>;
  readonly #scratch: string;
  #child: ChildProcess | undefined;
  #orders = 0;
  isBusy = false;

  constructor(options: WorkersOptions<Result>, scratch: string) {
    this.#options = options;
    this.#scratch = scratch;
  }

  async carryOut(order: Order): Promise<Result> {
    this.isBusy = true;
    try {
      const reply = await this.#send(order);
      this.#orders += 1;
      if ('failure' in reply) throw errorOf(reply.failure);
      const { result } = reply;
      const { maxOrders = 200, isSpent } = this.#options;
      if (this.#orders >= maxOrders || isSpent?.(result)) await this.end();
      return result;
    } finally {
      this.isBusy = false;
    }
  }

  async end(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    this.#orders = 0;
    if (child) await endGroup(child, GRACE_MS);
  }

  #send(order: Order): Promise<Reply<Result>> {
    const { limitMs, program } = this.#options;
    this.#child ??= started(program, this.#scratch);
    const child = this.#child;
    return new Promise(resolve => {
      let said = '';
      const settle = (reply: Reply<Result> | Promise<Reply<Result>>) => {
        unlimit();
        child.off('message', settle);
        child.off('close', onClose);
        child.stderr?.off('data', onData);
        resolve(reply);
      };
      const lost = (kind: 'crash' | 'hang', name: string, message: string) => {
        this.end();
        settle((async () => ({ result: this.#options.lost(kind, name, message) }))());
      };
      const unlimit = systemClock.after(limitMs, () =>
        lost('hang', 'RUN_HANGS', `The run had not ended after ${limitMs / 1000} s of real time.`),
      );
      const onClose = (code: number | null, signal: string | null) => {
        const how = signal ? `was killed by ${signal}` : `exited with code ${code}`;
        lost('crash', 'WORKER_DIED', `The process of the run ${how}. ${said.trim()}`.trim());
      };
      const onData = (chunk: Buffer) => {
        said = `${said}${chunk}`.slice(-LAST_BYTES);
      };
      child.on('message', settle);
      child.once('close', onClose);
      child.stderr?.on('data', onData);
      child.send(order as object, () => {});
    });
  }
}

/** A process in a group of its own: an interruption from the terminal is not for it. */
function started(program: string, scratch: string): ChildProcess {
  const env = { ...process.env, TMPDIR: scratch };
  const child = fork(program, { detached: true, env, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  // One that could not be started closes, too.
  child.on('error', () => {});
  return child;
}
