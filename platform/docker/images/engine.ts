import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { which } from 'zx';
import { systemClock } from '../../../harness/clock.ts';
import { SquallError } from '../../../harness/errors.ts';
import { engineSocket, findEngine } from '../engine.ts';

const START_LIMIT_MS = 30_000;
const POLL_MS = 250;
const SHOWN_LINES = 10;

/** Options of {@link ensureEngine}. */
export interface EngineOptions {
  /** @default as {@link engineSocket} */
  readonly socketPath?: string;
  /** Command line of an engine to start. @default dockerd */
  readonly command?: readonly [string, ...string[]];
  /** @default dockerd.log in a new temporary folder */
  readonly logFile?: string;
}

/**
 * Docker engine of this machine. If none is running, starts `dockerd` in the background, in its own session, so that it outlives this
 * process; the caller ends it with SIGTERM.
 * @returns `startedPid` is the process id of a started engine; undefined if one was running
 * @throws SquallError as {@link findEngine} for an engine that cannot be used; `ENGINE_NOT_STARTED`, with the end of its log, for one
 * that does not respond within 30 s
 */
export async function ensureEngine({
  socketPath = engineSocket(),
  command = ['dockerd'],
  ...options
}: EngineOptions = {}) {
  const running = await versionAt(socketPath);
  if (typeof running === 'string') return { version: running, startedPid: undefined, logFile: undefined };
  if (running.code !== 'NO_DOCKER_ENGINE') throw running;
  await requirePrerequisites();
  const logFile = options.logFile ?? join(mkdtempSync(join(tmpdir(), 'squall-dockerd-')), 'dockerd.log');
  const log = openSync(logFile, 'w', 0o600);
  const [program, ...flags] = command;
  const child = spawn(program, flags, { detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  let ended: string | undefined;
  child.once('error', error => {
    ended = error.message;
  });
  child.once('exit', code => {
    ended = `dockerd ended with ${code}`;
  });
  child.unref();
  for (const limit = systemClock.nowMs() + START_LIMIT_MS; systemClock.nowMs() < limit && !ended; ) {
    await systemClock.sleep(POLL_MS);
    const version = await versionAt(socketPath);
    if (typeof version === 'string') return { version, startedPid: child.pid, logFile };
  }
  if (child.pid !== undefined && !ended) process.kill(child.pid, 'SIGTERM');
  const lines = readFileSync(logFile, 'utf8').trim().split('\n').slice(-SHOWN_LINES);
  const reason = ended ?? `no response within ${START_LIMIT_MS / 1000} s`;
  throw notStarted(`${reason}; ${logFile} ends with:\n${lines.map(line => `    ${line}`).join('\n')}`);
}

async function requirePrerequisites(): Promise<void> {
  if (process.platform !== 'linux') throw notStarted('this is not Linux');
  if (process.getuid?.() !== 0) throw notStarted('it needs root');
  for (const command of ['dockerd', 'iptables'])
    if (!(await which(command, { nothrow: true }))) throw notStarted(`${command} is not on PATH`);
}

/** Version of the running engine, or the error. */
function versionAt(socketPath: string): Promise<string | SquallError> {
  return findEngine(socketPath).then(
    ({ version }) => version,
    error => error as SquallError,
  );
}

function notStarted(reason: string): SquallError {
  return new SquallError('environment', 'ENGINE_NOT_STARTED', `Cannot start a Docker engine: ${reason}.`, {
    next: 'Start Docker yourself; on Debian as root: `apt-get install docker.io iptables`, then run this again.',
  });
}
