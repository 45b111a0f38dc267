import { once } from 'node:events';
import { every, systemClock } from '../clock.ts';
import type { FromWorker, ToWorker, WorkerFailure } from './worker.ts';

/** What a worker does for the process that started it. */
export interface WorkerDuties<Order, Progress> {
  /** Carries out an order; when it cannot, the worker dies of it. */
  order(order: Order): Promise<void>;
  /** How it stands, sent every `progressMs` as soon as there is anything to send. */
  progress(): Progress | undefined;
  readonly progressMs: number;
  /** Longest time from losing its parent, or SIGTERM, to its end, in ms; enough to write down what is known. */
  readonly farewellMs: number;
}

/** A worker process, as its own program sees it. */
export interface WorkerProcess<Result> {
  /** Aborted when no more is to be done: it was told so, got SIGTERM, or lost its parent. */
  readonly stopped: AbortSignal;
  /** To be called once, when it waits for the order that begins its work. */
  ready(): void;
  /** Sends the result, and ends when it was taken. */
  finish(result: Result): Promise<never>;
  /** The same for one that knows what is wrong. */
  fail(failure: WorkerFailure): Promise<never>;
  /** The end of one that cannot go on; the error goes to its log. */
  die(error: unknown): never;
}

/**
 * Makes this process a worker of the one that started it (`startWorker`). It ends by itself: when its result was taken, on SIGTERM,
 * and when its parent goes away. To be called once, first thing in the worker's main file.
 */
export function workerProcess<Order, Progress, Result>(duties: WorkerDuties<Order, Progress>): WorkerProcess<Result> {
  const { order, progress, progressMs, farewellMs } = duties;
  const stopped = new AbortController();
  const send = (message: FromWorker<Progress, Result>) => {
    if (process.connected) process.send!(message, undefined, undefined, () => {});
  };
  const endProgress = every(systemClock, progressMs, () => {
    const known = progress();
    if (known !== undefined) send({ type: 'progress', progress: known });
  });
  const leave = async (last: FromWorker<Progress, Result>): Promise<never> => {
    endProgress();
    send(last);
    if (process.connected) await once(process, 'disconnect');
    process.exit(0);
  };
  const die = (error: unknown): never => {
    console.error(error);
    process.exit(1);
  };
  const retire = () => {
    stopped.abort();
    systemClock.timeout(farewellMs).addEventListener('abort', () => process.exit(0));
  };
  process.on('disconnect', () => {
    endProgress();
    retire();
  });
  process.on('SIGTERM', retire);
  process.on('message', (message: ToWorker<Order>) => {
    if (message.type === 'stop') stopped.abort();
    else order(message.order).catch(die);
  });
  return {
    stopped: stopped.signal,
    ready: () => send({ type: 'ready' }),
    finish: result => leave({ type: 'done', result }),
    fail: failure => leave({ type: 'failed', failure }),
    die,
  };
}
