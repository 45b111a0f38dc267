import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { extname, join } from 'node:path';
import { SquallError } from '../../harness/errors.ts';
import { endGroup } from '../../harness/host/process-group.ts';
import { openLog } from '../log-file.ts';
import { processEnvironment } from '../process/process-environment.ts';
import { type Resource, WATCHING, type WatchdogMessage } from './watchdog-message.ts';

const START_LIMIT_MS = 20_000;
const GOODBYE_LIMIT_MS = 1000;

/** What a watchdog guards, as those see it who start processes. */
export interface Guard {
  /** To be called right after a spawn; before anything is made that carries a label. */
  register(resource: Resource): void;
  /** To be called when it is gone, so that its number may be used again. */
  forget(resource: Resource): void;
}

/** A process of its own that cleans up after a harness that was killed. */
export interface Watchdog extends Guard {
  readonly pid: number;
  /** Ends the watch, nothing is cleaned up any more. Idempotent, bounded; resolves when the process is gone. */
  disarm(): Promise<void>;
}

/** Whom to watch over. */
export interface WatchdogOptions {
  readonly runId: string;
  /** For `watchdog.log`. */
  readonly directory: string;
  readonly signal: AbortSignal;
  /** Called when it ends before the disarm: from then on nothing cleans up after a killed harness. */
  readonly onLost: (how: string) => void;
}

/**
 * Starts a watchdog, and resolves once it watches. It must be the first process of a stack:
 *
 * ```
 * harness ──pipe──▶ watchdog      the pipe ends without a disarm ⇒ SIGKILL to all that was registered,
 *    └─ spawns ─▶ services        and to all whose environment names the run
 * ```
 *
 * @throws SquallError `WATCHDOG_FAILED`
 */
export async function startWatchdog({ runId, directory, signal, onLost }: WatchdogOptions): Promise<Watchdog> {
  signal.throwIfAborted();
  const log = openLog(join(directory, 'watchdog.log'));
  const program = join(import.meta.dirname, `watchdog-main${extname(import.meta.filename)}`);
  const child = spawn(process.execPath, [program, runId, directory], {
    detached: true,
    env: processEnvironment(),
    stdio: ['pipe', 'pipe', log.descriptor],
  });
  log.close();
  try {
    await untilWatching(child, signal);
  } catch (error) {
    await endGroup(child, 0, () => child.kill('SIGKILL'));
    throw error;
  }
  // None of it may keep a harness alive that has nothing else to do.
  child.unref();
  (child.stdin as unknown as { unref(): void }).unref();
  let farewell: Promise<void> | undefined;
  child.once('exit', (code, killedBy) => {
    if (!farewell) onLost(killedBy ?? `exit code ${code}`);
  });
  const tell = (message: WatchdogMessage) => {
    if (child.stdin?.writable) child.stdin.write(`${JSON.stringify(message)}\n`);
  };
  return {
    pid: child.pid!,
    register: resource => tell({ type: 'guard', resource }),
    forget: resource => tell({ type: 'forget', resource }),
    disarm() {
      farewell ??= endGroup(child, GOODBYE_LIMIT_MS, () => {
        // It is waited for.
        child.ref();
        tell({ type: 'disarm' });
      });
      return farewell;
    },
  };
}

async function untilWatching(child: ChildProcess, signal: AbortSignal): Promise<void> {
  child.stdin?.on('error', () => {});
  const limited = AbortSignal.any([signal, AbortSignal.timeout(START_LIMIT_MS)]);
  const failed = once(child, 'exit', { signal: limited }).then(([code, killedBy]) => {
    throw new Error(`it ended with ${killedBy ?? `exit code ${code}`}`);
  });
  try {
    const [chunk] = await Promise.race([once(child.stdout!, 'data', { signal: limited }), failed]);
    if (!String(chunk).startsWith(WATCHING)) throw new Error(`it said ${JSON.stringify(String(chunk))}`);
  } catch (cause) {
    signal.throwIfAborted();
    const message = `The watchdog process could not be started: ${(cause as Error).message}`;
    throw new SquallError('environment', 'WATCHDOG_FAILED', message, { cause, next: 'Read watchdog.log of this run.' });
  } finally {
    failed.catch(() => {});
    child.stdout?.destroy();
  }
}
