import { messageOf, SquallError } from '../../harness/errors.ts';
import type { WorkerFailure } from '../../harness/host/worker.ts';
import type { Schedule } from './schedule.ts';
import { type Trial, type TrialSubject, tryHere } from './trial.ts';

/** What a worker is sent. */
export interface Order {
  readonly subject: TrialSubject;
  readonly schedule: Schedule;
}

/** What it sends back, once for each order. */
export type Reply = { readonly trial: Trial } | { readonly failure: WorkerFailure };

/** An error on its way to the process that gave the order. */
function failureOf(error: unknown): WorkerFailure {
  if (!(error instanceof SquallError)) throw error;
  const { kind, code, message, next = '' } = error;
  return { kind, code, message, next };
}

async function carryOut({ subject, schedule }: Order): Promise<Reply> {
  try {
    return { trial: await tryHere(subject, schedule) };
  } catch (error) {
    return { failure: failureOf(error) };
  }
}

// Ends with the process that started it, also in the middle of a run.
process.once('disconnect', () => process.exit(0));
process.on('message', (order: Order) => {
  carryOut(order).then(
    reply => process.send!(reply),
    error => {
      process.stderr.write(`${error instanceof Error ? error.stack : messageOf(error)}\n`);
      process.exit(1);
    },
  );
});
