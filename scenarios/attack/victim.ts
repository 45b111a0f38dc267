import { fileURLToPath } from 'node:url';
import type { RequestTarget } from '../../faults/slow-http/attack.ts';
import { died } from '../../faults/slow-http/attacker/attacker.ts';
import type { AttackTarget } from '../../faults/slow-http/attacker/target.ts';
import { startWorker } from '../../harness/host/worker.ts';

const PROGRAM = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './victim-main.ts' : './victim-main.js', import.meta.url),
);

/** An ordinary client of the target: what it asks, how often, how long it waits. */
export interface VictimJob {
  readonly target: AttackTarget;
  readonly request: RequestTarget;
  /** `get`: GET path; `chat`: a short chat completion. */
  readonly asks: 'get' | 'chat';
  readonly path: string;
  /** An open loop: it asks at this rate whatever happens to what it asked before. */
  readonly perSecond: number;
  /** A request without an answer after this long has failed, in ms. */
  readonly timeoutMs: number;
}

/** One request of the victim's, each on a connection of its own. Instants are the machine's monotonic clock's, in ms. */
export interface VictimRecord {
  readonly scheduledMs: number;
  readonly sentMs: number;
  readonly endMs: number;
  /** Status of a whole answer; otherwise what happened instead: `timeout`, `reset`, `refused`. */
  readonly outcome: number | 'timeout' | 'reset' | 'refused';
}

/** The victim at work. Disposing ends its process. */
export interface RunningVictim extends AsyncDisposable {
  /** All records so far; a batch comes every 200 ms. */
  readonly records: readonly VictimRecord[];
  /** Asks nothing more, and resolves when the last request has its outcome. @throws SquallError `ATTACKER_DIED` */
  finish(): Promise<void>;
}

/**
 * Starts the victim in a process of its own, so that neither the attacker nor the harness delays its measurements.
 * @throws SquallError `ATTACKER_DIED`
 */
export async function startVictim(job: VictimJob): Promise<RunningVictim> {
  const records: VictimRecord[] = [];
  const worker = startWorker<VictimJob, readonly VictimRecord[], readonly VictimRecord[]>({
    path: PROGRAM,
    readyLimitMs: 10_000,
    graceMs: 500,
    onProgress: batch => void records.push(...batch),
    late: () => died('not ready within 10 s', ''),
    died,
  });
  await worker.ready;
  worker.order(job);
  return {
    records,
    async finish() {
      worker.stop();
      records.push(...(await worker.done));
    },
    [Symbol.asyncDispose]: () => worker[Symbol.asyncDispose](),
  };
}

/** Whether a request was answered as an ordinary client wants it. */
export function isGood({ outcome }: VictimRecord): boolean {
  return typeof outcome === 'number' && outcome < 400;
}

/** From the schedule, so that a request that could not even be sent in time counts as late. */
export function latencyOf({ scheduledMs, endMs }: VictimRecord): number {
  return endMs - scheduledMs;
}
