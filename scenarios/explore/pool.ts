import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../harness/clock.ts';
import { SquallError } from '../../harness/errors.ts';
import { modulePath } from '../../harness/host/modules.ts';
import { endGroup } from '../../harness/host/process-group.ts';
import type { Schedule } from './schedule.ts';
import type { Failure, Trial, TrialSubject } from './trial.ts';
import type { Order, Reply } from './worker.ts';

/** Options of {@link startPool}. */
export interface PoolOptions {
  readonly subject: TrialSubject;
  /** Number of processes. */
  readonly jobs: number;
  /** Ends everything. */
  readonly signal: AbortSignal;
  /** Longest real time of one run, in ms. */
  readonly limitMs: number;
  /** Runs after which a process is replaced by a fresh one. @default 200 */
  readonly maxRuns?: number;
  /** Program of a worker, for tests. @default that of this room */
  readonly program?: string;
}

/** Processes that try schedules. Each stays warm over many; disposing ends them all. */
export interface Pool extends AsyncDisposable {
  /**
   * Tries a schedule as soon as a process is free. A process that dies of it, or does not end in time, is a failed trial.
   * @param first whether it goes before all that wait. @default false
   * @throws SquallError for a schedule that does not fit the scenario; the signal's reason on abort
   */
  try(schedule: Schedule, first?: boolean): Promise<Trial>;
}

interface Task {
  readonly schedule: Schedule;
  readonly done: PromiseWithResolvers<Trial>;
}

const PROGRAM = modulePath('./worker', import.meta.url);
const LAST_BYTES = 4000;
/** Time to leave by itself, in ms: it has nothing to clean up but a folder. */
const GRACE_MS = 100;

/** Starts no process yet: the first tries do. */
export function startPool({ limitMs, maxRuns = 200, program = PROGRAM, ...options }: PoolOptions): Pool {
  const { subject, jobs, signal } = options;
  const tasks: Task[] = [];
  // Where runs write; a process that is killed leaves its part behind.
  const scratch = mkdtempSync(join(tmpdir(), 'squall-explore-'));
  const slots = Array.from({ length: jobs }, () => new Slot({ subject, limitMs, maxRuns, program, scratch }));
  const end = () => Promise.all(slots.map(slot => slot.end()));
  const next = () => {
    for (const slot of slots) {
      if (slot.isBusy) continue;
      const task = tasks.shift();
      if (!task) return;
      slot.try(task.schedule).then(task.done.resolve, task.done.reject).finally(next);
    }
  };
  const interrupt = () => {
    for (const { done } of tasks.splice(0)) done.reject(signal.reason);
    end();
  };
  signal.addEventListener('abort', interrupt, { once: true });
  return {
    async try(schedule, first = false) {
      signal.throwIfAborted();
      const task = { schedule, done: Promise.withResolvers<Trial>() };
      tasks[first ? 'unshift' : 'push'](task);
      next();
      const trial = await task.done.promise;
      // What a process that was ended died of says nothing.
      signal.throwIfAborted();
      return trial;
    },
    async [Symbol.asyncDispose]() {
      signal.removeEventListener('abort', interrupt);
      await end();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

interface SlotOptions extends Required<Omit<PoolOptions, 'jobs' | 'signal'>> {
  readonly scratch: string;
}

/** One process at a time. */
class Slot {
  readonly #options: SlotOptions;
  #child: ChildProcess | undefined;
  #runs = 0;
  isBusy = false;

  constructor(options: SlotOptions) {
    this.#options = options;
  }

  async try(schedule: Schedule): Promise<Trial> {
    this.isBusy = true;
    try {
      const reply = await this.#order({ subject: this.#options.subject, schedule });
      this.#runs += 1;
      if ('failure' in reply) {
        const { kind, code, message, next } = reply.failure;
        throw new SquallError(kind, code, message, { next });
      }
      const { trial } = reply;
      // A run that crashed may have left anything behind.
      if (this.#runs >= this.#options.maxRuns || trial.failures.some(({ kind }) => kind === 'crash')) await this.end();
      return trial;
    } finally {
      this.isBusy = false;
    }
  }

  async end(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    this.#runs = 0;
    if (child) await endGroup(child, GRACE_MS);
  }

  #order(order: Order): Promise<Reply> {
    const { limitMs, program, scratch } = this.#options;
    this.#child ??= started(program, scratch);
    const child = this.#child;
    return new Promise(resolve => {
      let said = '';
      const settle = (reply: Reply) => {
        unlimit();
        child.off('message', settle);
        child.off('close', onClose);
        child.stderr?.off('data', onData);
        resolve(reply);
      };
      const lost = (kind: Failure['kind'], name: string, message: string) => {
        this.end();
        settle({ trial: { failures: [{ kind, name, message }], slos: [], requests: 0, virtualMs: 0, cpuMs: 0 } });
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
      child.send(order, () => {});
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
