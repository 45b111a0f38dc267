import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { platform } from 'node:os';
import { settlesWithin, systemClock } from '../clock.ts';

/** The environment variable that marks every process of a run. */
export const RUN_VARIABLE = 'SQUALL_RUN';

const HAS_PROC = platform() === 'linux';
/** Time for what was killed to be gone, in ms, after which ending no longer waits. */
export const KILL_LIMIT_MS = 500;

/**
 * Ends a child process that leads a group of its own: asks it, waits, and kills its group. What it leaves behind is killed too.
 * Idempotent; resolves when it is gone, at the latest half a second after the SIGKILL.
 * @param graceMs how long it may take to leave by itself, in ms
 * @param ask how it is told to. @default SIGTERM, to it alone
 */
export async function endGroup(
  child: ChildProcess,
  graceMs: number,
  ask: () => void = () => child.kill('SIGTERM'),
): Promise<void> {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit').finally(() => signalGroup(pid, 'SIGKILL'));
  ask();
  if (await settlesWithin(gone, graceMs, systemClock)) return;
  signalGroup(pid, 'SIGKILL');
  await settlesWithin(gone, KILL_LIMIT_MS, systemClock);
}

/**
 * Sends `signal` to every process of a group.
 * @returns whether there was anyone to receive it
 */
export function signalGroup(pgid: number, signal: NodeJS.Signals): boolean {
  return send(-pgid, signal);
}

/** Sends `signal` to one process; false when it is gone. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  return send(pid, signal);
}

/** Whether a process exists, of whatever user. */
export function isProcessAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Whether a group still has a process that runs. Zombies do not count: where nobody reaps orphans, as in many containers,
 * they stay for ever and hold nothing.
 */
export function isGroupAlive(pgid: number): boolean {
  if (!send(-pgid, 0)) return false;
  if (!HAS_PROC) return true;
  return processIds().some(pid => {
    const stat = statOf(pid);
    return stat?.pgid === pgid && stat.isRunning;
  });
}

/**
 * The processes whose environment says that they belong to `runId`, whatever group they moved to. Linux only; elsewhere
 * none are found. The caller itself is left out.
 */
export function processesOfRun(runId: string): number[] {
  if (!HAS_PROC) return [];
  const mark = `\0${RUN_VARIABLE}=${runId}\0`;
  return processIds().filter(pid => {
    if (pid === process.pid) return false;
    const environment = readQuietly(`/proc/${pid}/environ`);
    return environment !== undefined && `\0${environment}\0`.includes(mark);
  });
}

/**
 * When a process started, in a unit of the kernel's; with the process id it names a process uniquely, since ids are used
 * again. Undefined when it is gone or the system does not tell.
 */
export function startTimeOf(pid: number): string | undefined {
  return HAS_PROC ? statOf(pid)?.startTime : undefined;
}

function send(target: number, signal: NodeJS.Signals | 0): boolean {
  // 0 and -1 address this very group and every process there is; neither may ever be the outcome of a mistake.
  if (!Number.isInteger(target) || Math.abs(target) <= 1) throw new RangeError(`Not a process id: ${target}`);
  try {
    process.kill(target, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    // EPERM: someone is there, but is not ours to signal; macOS says so of a group of zombies.
    return HAS_PROC;
  }
}

function processIds(): number[] {
  return readdirSync('/proc').flatMap(name => (/^\d+$/.test(name) ? [Number(name)] : []));
}

/** See proc(5). The command, field 2, may contain anything, so fields are counted from its closing parenthesis. */
function statOf(pid: number): { pgid: number; isRunning: boolean; startTime: string } | undefined {
  const line = readQuietly(`/proc/${pid}/stat`);
  const fields = line?.slice(line.lastIndexOf(')') + 2).split(' ');
  if (!fields || fields.length < 20) return undefined;
  return { pgid: Number(fields[2]), isRunning: !/^[ZX]/.test(fields[0]!), startTime: fields[19]! };
}

function readQuietly(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
