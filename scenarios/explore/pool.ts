import { modulePath } from '../../harness/host/modules.ts';
import { startWorkers, type WorkersOptions } from '../session/workers.ts';
import type { Schedule } from './schedule.ts';
import type { Trial, TrialSubject } from './trial.ts';
import type { Order } from './worker.ts';

/** Options of {@link startPool}. */
export interface PoolOptions
  extends Pick<WorkersOptions<Trial>, 'jobs' | 'signal' | 'limitMs'>,
    Partial<Pick<WorkersOptions<Trial>, 'maxOrders' | 'program'>> {
  readonly subject: TrialSubject;
}

/** Processes that try schedules; disposing ends them all. */
export interface Pool extends AsyncDisposable {
  /**
   * Tries a schedule as soon as a process is free. A process that dies of it, or does not end in time, is a failed trial.
   * @param first whether it goes before all that wait. @default false
   * @throws SquallError for a schedule that does not fit the scenario; the signal's reason on abort
   */
  try(schedule: Schedule, first?: boolean): Promise<Trial>;
}

const PROGRAM = modulePath('./worker', import.meta.url);

/** Starts no process yet: the first tries do. */
export function startPool({ subject, program = PROGRAM, ...options }: PoolOptions): Pool {
  const workers = startWorkers<Order, Trial>({
    ...{ ...options, program },
    lost: (kind, name, message) => ({
      ...{ failures: [{ kind, name, message }], slos: [], requests: 0, virtualMs: 0, cpuMs: 0 },
    }),
    // A run that crashed may have left anything behind.
    isSpent: ({ failures }) => failures.some(({ kind }) => kind === 'crash'),
  });
  return {
    try: (schedule, first) => workers.order({ subject, schedule }, first),
    [Symbol.asyncDispose]: () => workers[Symbol.asyncDispose](),
  };
}
