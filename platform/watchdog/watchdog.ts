import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { extname, join } from 'node:path';
import { systemClock } from '../../harness/clock.ts';
import type { StackObserver } from '../../harness/cluster/observer.ts';
import { SquallError } from '../../harness/errors.ts';
import { endGroup } from '../../harness/host/process-group.ts';
import { openLog } from '../log-file.ts';
import { processEnvironment } from '../process/process-environment.ts';
import { type Resource, WATCHING, type WatchdogMessage } from './watchdog-message.ts';

const START_LIMIT_MS = 20_000;
const DISARM_LIMIT_MS = 1000;

/** Registry of resources that must not outlive the harness. */
export interface Guard {
  /** Called right after a spawn, or before the first resource with a label is created. */
  register(resource: Resource): void;
  /** Called once a process group is gone, since its id may be reused. */
  forget(pgid: number): void;
}

/** Separate process that cleans up after a killed harness. */
export interface Watchdog extends Guard {
  readonly pid: number;
  /** Ends the watchdog without a cleanup. Idempotent, bounded in time; resolves when the process is gone. */
  disarm(): Promise<void>;
}

/** Run to watch over. */
export interface WatchdogOptions {
  readonly runId: string;
  /** Directory of `watchdog.log`. */
  readonly directory: string;
  readonly signal: AbortSignal;
  /** Called if it ends before the disarm: from then on nothing cleans up after a killed harness. */
  readonly onLost: (how: string) => void;
}

/**
 * Starts a watchdog, and resolves once it watches. Must be the first process of a stack:
 *
 * ```
 * harness ──pipe──▶ watchdog      the pipe ends without a disarm ⇒ SIGKILL to all registered groups,
 *    └─ spawns ─▶ services        and to all processes with the run id in their environment
 * ```
 *
 * @throws SquallError `WATCHDOG_FAILED`
 */
export async function startWatchdog({ runId, directory, signal, onLost }: WatchdogOptions): Promise<Watchdog> {
  signal.throwIfAborted();
  using log = openLog(join(directory, 'watchdog.log'));
  const program = join(import.meta.dirname, `watchdog-main${extname(import.meta.filename)}`);
  const child = spawn(process.execPath, [program, runId, directory], {
    detached: true,
    env: processEnvironment(),
    stdio: ['pipe', 'pipe', log.descriptor],
  });
  try {
    await untilWatching(child, signal);
  } catch (error) {
    await endGroup(child, 0, () => child.kill('SIGKILL'));
    throw error;
  }
  // Must not keep the harness alive.
  child.unref();
  (child.stdin as unknown as { unref(): void }).unref();
  let disarmed: Promise<void> | undefined;
  child.once('exit', (code, killedBy) => {
    if (!disarmed) onLost(killedBy ?? `exit code ${code}`);
  });
  const send = (message: WatchdogMessage) => {
    if (child.stdin?.writable) child.stdin.write(`${JSON.stringify(message)}\n`);
  };
  return {
    pid: child.pid!,
    register: resource => send({ type: 'guard', resource }),
    forget: pgid => send({ type: 'forget', pgid }),
    disarm() {
      disarmed ??= endGroup(child, DISARM_LIMIT_MS, () => {
        child.ref();
        send({ type: 'disarm' });
      });
      return disarmed;
    },
  };
}

/** Reports the loss of a watchdog to `observer`, for {@link WatchdogOptions.onLost}. */
export function reportLoss(observer: StackObserver): WatchdogOptions['onLost'] {
  const watchdog = { replica: 'watchdog', service: 'watchdog', state: 'exited' } as const;
  return how => observer.replica({ ...watchdog, detail: `${how}; nothing cleans up if the harness is killed` });
}

async function untilWatching(child: ChildProcess, signal: AbortSignal): Promise<void> {
  child.stdin?.on('error', () => {});
  const limited = AbortSignal.any([signal, systemClock.timeout(START_LIMIT_MS)]);
  const failed = once(child, 'exit', { signal: limited }).then(([code, killedBy]) => {
    throw new Error(`it ended with ${killedBy ?? `exit code ${code}`}`);
  });
  try {
    const [chunk] = await Promise.race([once(child.stdout!, 'data', { signal: limited }), failed]);
    if (!String(chunk).startsWith(WATCHING)) throw new Error(`it wrote ${JSON.stringify(String(chunk))}`);
  } catch (cause) {
    signal.throwIfAborted();
    const message = `The watchdog process could not be started: ${(cause as Error).message}`;
    throw new SquallError('environment', 'WATCHDOG_FAILED', message, { cause, next: 'Read watchdog.log of this run.' });
  } finally {
    failed.catch(() => {});
    child.stdout?.destroy();
  }
}
