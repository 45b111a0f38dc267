import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { which } from 'zx';
import { systemClock } from '../../../harness/clock.ts';
import { SquallError } from '../../../harness/errors.ts';
import { type Engine, engineSocket, findEngine } from '../engine.ts';

const START_LIMIT_MS = 30_000;
const POLL_MS = 250;
const SHOWN_LINES = 10;

/** An engine that answers, and who started it. */
export interface FoundEngine extends Pick<Engine, 'version'> {
  /** Process id of the one that was started, undefined when one was running already. */
  readonly startedPid: number | undefined;
  readonly logFile: string | undefined;
}

/** Options of {@link ensureEngine}. */
export interface EngineOptions {
  /** @default as {@link engineSocket} */
  readonly socketPath?: string;
  /** What to start, with its flags. @default dockerd alone */
  readonly command?: readonly [string, ...string[]];
  /** @default squall-dockerd.log in the folder for temporary files */
  readonly logFile?: string;
  readonly signal?: AbortSignal;
}

/**
 * The Docker engine of this machine, started where none answers: `dockerd` in the background, in a session of its own, so
 * that it outlives this process; its log is a file. Whoever starts one ends it by SIGTERM to its process id.
 * @throws SquallError as {@link findEngine} when one runs that may not be used, `ENGINE_NOT_STARTED` with the end of its
 * log when it does not answer within 30 s
 */
export async function ensureEngine(options: EngineOptions = {}): Promise<FoundEngine> {
  const {
    socketPath = engineSocket(),
    command = ['dockerd'],
    logFile = join(tmpdir(), 'squall-dockerd.log'),
    signal,
  } = options;
  const first = await lookFor(socketPath, signal);
  if (typeof first === 'string') return { version: first, startedPid: undefined, logFile: undefined };
  if (first.code !== 'NO_DOCKER_ENGINE') throw first;
  await refuseWhereHopeless();
  const log = openSync(logFile, 'w');
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
    await systemClock.sleep(POLL_MS, signal);
    const found = await lookFor(socketPath, signal);
    if (typeof found === 'string') return { version: found, startedPid: child.pid, logFile };
  }
  if (child.pid !== undefined && !ended) process.kill(child.pid, 'SIGTERM');
  const lines = readFileSync(logFile, 'utf8').trim().split('\n').slice(-SHOWN_LINES);
  const why = ended ?? `no answer within ${START_LIMIT_MS / 1000} s`;
  throw notStarted(`${why}; ${logFile} ends with:\n${lines.map(line => `    ${line}`).join('\n')}`);
}

async function refuseWhereHopeless(): Promise<void> {
  if (process.platform !== 'linux') throw notStarted('this is not Linux');
  if (process.getuid?.() !== 0) throw notStarted('it needs root');
  for (const command of ['dockerd', 'iptables'])
    if (!(await which(command, { nothrow: true }))) throw notStarted(`there is no ${command} on PATH`);
}

/** The engine's version, or why there is none. */
async function lookFor(socketPath: string, signal: AbortSignal | undefined): Promise<string | SquallError> {
  return findEngine(socketPath, signal).then(
    ({ version }) => version,
    error => {
      signal?.throwIfAborted();
      return error as SquallError;
    },
  );
}

function notStarted(why: string): SquallError {
  return new SquallError('environment', 'ENGINE_NOT_STARTED', `Cannot start a Docker engine: ${why}.`, {
    next: 'Start Docker yourself; on Debian as root: `apt-get install docker.io iptables`, then run this again.',
  });
}
