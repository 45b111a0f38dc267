import { once } from 'node:events';
import type { LoadJob, LoadProgress } from '../../harness/contracts.ts';
import type { FromWorker, Settings, TimedJob, ToWorker } from './messages.ts';

const PROGRESS_MS = 250;

/** What a worker does about what it is told; when it cannot, the worker dies of it. */
export interface WorkerDuties {
  prepare?(job: LoadJob, settings: Settings): Promise<void>;
  job(job: TimedJob): Promise<void>;
  /** Longest time from losing the parent to the end, in ms; enough to write down what is known. */
  readonly farewellMs: number;
}

/** The life of a worker process, as its program sees it. */
export interface WorkerLife {
  /** Aborted when no more is to be sent: it was told so, got SIGTERM, or lost its parent. */
  readonly stopped: AbortSignal;
  tell(message: FromWorker): void;
  /** Tells how far it has come four times a second, as soon as there is anything to tell. */
  tellProgress(progress: () => LoadProgress | undefined): Disposable;
  /** To be called after the last message: the parent takes it in, and lets go. */
  leave(): Promise<never>;
  /** The end of one that cannot go on; its last words go to the log. */
  die(error: unknown): never;
}

/**
 * Lives as a worker of a load engine: told its job over IPC, it ends by itself, when the load is done, on SIGTERM, and when the process
 * that started it goes away. To be called once, first thing in the worker's main file.
 */
export function liveAsWorker({ prepare, job, farewellMs }: WorkerDuties): WorkerLife {
  const stopped = new AbortController();
  const retire = () => {
    stopped.abort();
    setTimeout(() => process.exit(0), farewellMs).unref();
  };
  const life: WorkerLife = {
    stopped: stopped.signal,
    tell(message) {
      if (process.connected) process.send!(message, undefined, undefined, () => {});
    },
    tellProgress(progress) {
      const timer = setInterval(() => {
        const known = progress();
        if (known) life.tell({ type: 'progress', progress: known });
      }, PROGRESS_MS);
      return { [Symbol.dispose]: () => clearInterval(timer) };
    },
    async leave() {
      if (process.connected) await once(process, 'disconnect');
      process.exit(0);
    },
    die(error) {
      console.error(error);
      process.exit(1);
    },
  };
  process.on('disconnect', retire);
  process.on('SIGTERM', retire);
  process.on('message', (message: ToWorker) => {
    if (message.type === 'stop') stopped.abort();
    else if (message.type === 'job') job(message.job).catch(life.die);
    else prepare?.(message.job, message.settings).catch(life.die);
  });
  return life;
}
