import { fileURLToPath } from 'node:url';
import { SquallError } from '../../../harness/errors.ts';
import { startWorker } from '../../../harness/host/worker.ts';
import type { AttackJob } from './job.ts';
import type { AttackReport, AttackSample } from './tally.ts';

const PROGRAM = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './main.ts' : './main.js', import.meta.url));
/** Young objects get little room: 10,000 connections are to be held in 200 MB. */
const NODE_FLAGS = ['--max-semi-space-size=4'];
const READY_LIMIT_MS = 10_000;
const GRACE_MS = 500;

/** An attack under way, in a process of its own. Disposing ends that process and with it every connection. */
export interface RunningAttack extends AsyncDisposable {
  readonly pid: number;
  /** The latest, at most some 200 ms old. */
  sample(): AttackSample;
  /** Settles when its time is over or it was stopped, with all its connections closed. @throws SquallError `ATTACKER_DIED` */
  readonly done: Promise<AttackReport>;
  stop(): void;
}

/**
 * Starts an attack. On abort it stops.
 * @throws SquallError `ATTACKER_DIED`, or the signal's reason
 */
export async function startAttack(job: AttackJob, signal: AbortSignal): Promise<RunningAttack> {
  signal.throwIfAborted();
  let sample = NOTHING_YET;
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
  const done = worker.done.then(report => {
    sample = report;
    return report;
  });
  done.catch(() => {});
  try {
    await worker.ready;
    signal.throwIfAborted();
  } catch (error) {
    await worker[Symbol.asyncDispose]();
    throw error;
  }
  signal.addEventListener('abort', worker.stop, { once: true });
  worker.order(job);
  return { ...worker, sample: () => sample, done };
}

/** The error of an attacker that ended without a report. */
export function died(how: string, output: string): SquallError {
  return new SquallError(
    'fault',
    'ATTACKER_DIED',
    `The attacker died (${how}). Its last log lines:\n${output || '(none)'}`,
    {
      next: 'If it was killed, look for what is short on this machine: memory, processes, descriptors.',
    },
  );
}

const NOTHING_YET: AttackSample = {
  atMs: 0,
  held: 0,
  connecting: 0,
  opened: 0,
  refused: 0,
  turnedAway: 0,
  rejected: 0,
  evicted: 0,
  answered: 0,
  served: 0,
  exhausted: 0,
};
