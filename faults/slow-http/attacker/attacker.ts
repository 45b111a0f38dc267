import { SquallError } from '../../../harness/errors.ts';
import { modulePath } from '../../../harness/host/modules.ts';
import { startWorker, type Worker } from '../../../harness/host/worker.ts';
import type { RequestTarget } from '../attack.ts';
import type { AttackReport, AttackSample } from './tally.ts';
import type { AttackTarget } from './target.ts';

/** One attack, for the process that executes it. */
export interface AttackJob {
  readonly kind: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly target: AttackTarget;
  readonly request: RequestTarget;
  /** Duration after which it ends by itself, in ms. */
  readonly forMs: number;
}

/**
 * An attack in progress, in a process of its own. `done` settles after its duration or `stop`, with all its connections closed, or
 * rejects with SquallError `ATTACKER_DIED`. Disposing ends the process and with it every connection.
 */
export interface RunningAttack extends Pick<Worker<AttackJob, AttackReport>, 'pid' | 'done' | 'stop'>, AsyncDisposable {
  /** The latest sample, at most some 200 ms old; undefined before the first. */
  sample(): AttackSample | undefined;
}

const PROGRAM = modulePath('./main', import.meta.url);
/** A small young generation: 10,000 connections have to fit into 200 MB. */
const NODE_FLAGS = ['--max-semi-space-size=4'];
const READY_LIMIT_MS = 10_000;
const GRACE_MS = 500;

/**
 * Starts an attack. On abort it stops.
 * @throws SquallError `ATTACKER_DIED`, or the signal's reason
 */
export async function startAttack(job: AttackJob, signal: AbortSignal): Promise<RunningAttack> {
  signal.throwIfAborted();
  let sample: AttackSample | undefined;
  const worker = startWorker<AttackJob, AttackSample, AttackReport>({
    path: PROGRAM,
    nodeFlags: NODE_FLAGS,
    readyLimitMs: READY_LIMIT_MS,
    graceMs: GRACE_MS,
    onProgress: progress => {
      sample = progress;
    },
    late: () => died(`not ready within ${READY_LIMIT_MS / 1000} s`, ''),
    died,
  });
  try {
    await worker.ready;
    signal.throwIfAborted();
  } catch (error) {
    await worker[Symbol.asyncDispose]();
    throw error;
  }
  signal.addEventListener('abort', worker.stop, { once: true });
  worker.order(job);
  return { ...worker, sample: () => sample };
}

function died(how: string, output: string): SquallError {
  const message = `The attacker died (${how}). Its last log lines:\n${output || '(none)'}`;
  return new SquallError('fault', 'ATTACKER_DIED', message, {
    next: 'If it was killed, check the limits of this machine: memory, processes, descriptors.',
  });
}
