import type { Clock } from '../../harness/clock.ts';
import type { PoolConfig } from './config.ts';

/** What became of a job: `full` and `slow` were turned away at once, since too many wait, or it would have to wait too long. */
export type JobEnd = 'done' | 'full' | 'slow' | 'deadline' | 'cancelled';

/** A job that was given to the pool. */
export interface Job {
  readonly ended: Promise<JobEnd>;
  /** Takes it out of the queue, or frees its worker. No effect once it has ended. */
  cancel(): void;
}

interface Entry {
  readonly costMs: number;
  readonly deadlineMs: number;
  /** When its worker is done; undefined while it waits. */
  dueMs: number | undefined;
  readonly end: (how: JobEnd) => void;
  /** Cancels its timer. */
  stop: () => void;
}

/**
 * Workers that take one job at a time from a queue, first in, first out:
 *
 * ```
 *  job ─► room? would it be in time? ─► queue (bounded) ─► worker, for costMs ─► done
 *            └ full, slow: at once        └ deadline, cancelled: out of it
 * ```
 */
export class WorkerPool {
  readonly #config: PoolConfig;
  readonly #clock: Clock;
  readonly #waiting = new Set<Entry>();
  readonly #running = new Set<Entry>();

  constructor(config: PoolConfig, clock: Clock) {
    this.#config = config;
    this.#clock = clock;
  }

  /** Number of jobs that wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Number of workers that are busy. */
  get busy(): number {
    return this.#running.size;
  }

  /** How long a job that comes now would wait if nobody left, in ms. */
  get expectedWaitMs(): number {
    const nowMs = this.#clock.nowMs();
    const free = Array.from({ length: this.#config.workers - this.busy }, () => 0);
    const workers = [...free, ...[...this.#running].map(({ dueMs }) => Math.max(0, dueMs! - nowMs))];
    const next = () => workers.indexOf(Math.min(...workers));
    for (const { costMs } of this.#waiting) workers[next()]! += costMs;
    return workers[next()]!;
  }

  /** Gives it a job. @param costMs time of a worker @param deadlineMs by when it has to be done, in monotonic ms */
  run(costMs: number, deadlineMs: number): Job {
    const refusal = this.#refusal(costMs, deadlineMs);
    if (refusal) return { ended: Promise.resolve(refusal), cancel: () => {} };
    const { promise, resolve } = Promise.withResolvers<JobEnd>();
    const entry: Entry = { costMs, deadlineMs, dueMs: undefined, stop: () => {}, end: resolve };
    const leave = (how: JobEnd) => {
      if (!this.#waiting.delete(entry) && !this.#running.delete(entry)) return;
      entry.stop();
      resolve(how);
      this.#fill();
    };
    entry.stop = this.#clock.after(deadlineMs - this.#clock.nowMs(), () => leave('deadline'));
    this.#waiting.add(entry);
    this.#fill();
    return { ended: promise, cancel: () => leave('cancelled') };
  }

  #refusal(costMs: number, deadlineMs: number): 'full' | 'slow' | undefined {
    const { queue, workers } = this.#config;
    if (queue === 'off') return undefined;
    if (this.busy === workers && this.waiting >= queue.maxRequests) return 'full';
    const waitMs = this.expectedWaitMs;
    const isLate = this.#clock.nowMs() + waitMs + costMs > deadlineMs;
    return waitMs > queue.maxWaitMs || isLate ? 'slow' : undefined;
  }

  /** Gives jobs to workers that are free. */
  #fill(): void {
    for (const entry of this.#waiting) {
      if (this.busy >= this.#config.workers) return;
      this.#waiting.delete(entry);
      this.#running.add(entry);
      const nowMs = this.#clock.nowMs();
      entry.stop();
      entry.dueMs = nowMs + entry.costMs;
      const [atMs, how] =
        entry.dueMs > entry.deadlineMs ? [entry.deadlineMs, 'deadline' as const] : [entry.dueMs, 'done' as const];
      entry.stop = this.#clock.after(atMs - nowMs, () => {
        this.#running.delete(entry);
        entry.end(how);
        this.#fill();
      });
    }
  }
}
