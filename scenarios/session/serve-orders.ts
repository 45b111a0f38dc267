import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename } from 'node:path';
import { messageOf, SquallError } from '../../harness/errors.ts';
import type { WorkerFailure } from '../../harness/host/worker.ts';

/** Beginning of the name of the temporary folder that workers share. */
export const SCRATCH = 'squall-workers-';

/** What a worker sends back, once for each order. */
export type Reply<Result> = { readonly result: Result } | { readonly failure: WorkerFailure };

/** Makes this process a worker of `startWorkers`: it carries out one order after the other, until it is left alone. */
export function serveOrders<Order, Result>(carryOut: (order: Order) => Promise<Result>): void {
  // Ends with the process that started it, also in the middle of a run. That can then no longer remove what runs wrote.
  process.once('disconnect', () => {
    if (basename(tmpdir()).startsWith(SCRATCH)) rmSync(tmpdir(), { recursive: true, force: true });
    process.exit(0);
  });
  process.on('message', (order: Order) => {
    carryOut(order)
      .then(result => ({ result }), failureOf)
      .then(
        reply => process.send!(reply),
        error => {
          process.stderr.write(`${error instanceof Error ? error.stack : messageOf(error)}\n`);
          process.exit(1);
        },
      );
  });
}

/** An error on its way to the process that gave the order. */
function failureOf(error: unknown): { failure: WorkerFailure } {
  if (!(error instanceof SquallError)) throw error;
  const { kind, code, message, next = '' } = error;
  return { failure: { kind, code, message, next } };
}
