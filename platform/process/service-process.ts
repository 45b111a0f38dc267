import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Clock } from '../../harness/clock.ts';
import { messageOf } from '../../harness/errors.ts';
import { isGroupAlive, signalGroup } from '../../harness/host/process-group.ts';
import type { Instance } from '../instance.ts';
import { openLog } from '../log-file.ts';
import type { Guard } from '../watchdog/watchdog.ts';

/** Command line, environment and log of a process. */
export interface ProcessPlan {
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** Working directory. */
  readonly directory: string;
  readonly logPath: string;
}

const REMAINDER_POLL_MS = 10;
const REMAINDER_LIMIT_MS = 2000;

/**
 * Starts a process as leader of its own group, so that a terminal's Ctrl-C does not reach it and one signal reaches all of its
 * descendants. When the leader ends, the rest of the group is killed.
 */
export function startProcess(plan: ProcessPlan, guard: Guard, clock: Clock): Instance {
  let pid: number | undefined;
  let logFromByte = 0;
  let exit: Promise<string>;
  try {
    using log = openLog(plan.logPath);
    logFromByte = log.fromByte;
    const child = spawn(plan.command, plan.args, {
      cwd: plan.directory,
      detached: true,
      env: plan.environment,
      stdio: ['ignore', log.descriptor, log.descriptor],
    });
    pid = child.pid;
    exit = exitOf(child);
  } catch (error) {
    exit = Promise.resolve(messageOf(error));
  }
  if (pid !== undefined) guard.register({ kind: 'process-group', pgid: pid });
  let isGone = false;
  const signal = (name: NodeJS.Signals) => {
    if (pid !== undefined && !isGone) signalGroup(pid, name);
  };
  const gone = exit.then(async how => {
    if (pid !== undefined) {
      await killRemainder(pid, clock);
      guard.forget(pid);
    }
    isGone = true;
    // The reason for a SIGKILL is unknown to the parent process.
    return { how, isOutOfMemory: false };
  });
  return {
    pid,
    label: pid === undefined ? undefined : `process ${pid}`,
    logFromByte,
    gone,
    signal,
    // A stopped process can be killed, but receives any other signal only when it continues.
    pause: async () => signal('SIGSTOP'),
    resume: async () => signal('SIGCONT'),
  };
}

async function exitOf(child: ChildProcess): Promise<string> {
  try {
    const [code, signal] = await once(child, 'exit');
    return signal ?? `exit code ${code}`;
  } catch (error) {
    return messageOf(error);
  }
}

/** Kills the rest of a group whose leader has ended. */
async function killRemainder(pgid: number, clock: Clock): Promise<void> {
  const deadlineMs = clock.nowMs() + REMAINDER_LIMIT_MS;
  while (isGroupAlive(pgid) && clock.nowMs() < deadlineMs) {
    signalGroup(pgid, 'SIGKILL');
    await clock.sleep(REMAINDER_POLL_MS);
  }
}
