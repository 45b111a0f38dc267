import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { which } from 'zx';
import { systemClock } from '../../../harness/clock.ts';
import { SquallError } from '../../../harness/errors.ts';
import { askDocker, engineTrouble } from './docker-cli.ts';

const START_LIMIT_MS = 30_000;
const POLL_MS = 250;
const SHOWN_LINES = 10;

/** An engine that answers. */
export interface Engine {
  readonly version: string;
  /** Process id of the one that was started, undefined when one was running already. */
  readonly startedPid: number | undefined;
  readonly logFile: string | undefined;
}

/** Options of {@link ensureEngine}. */
export interface EngineOptions {
  /** Address of the engine. @default what the `docker` command uses */
  readonly host?: string;
  /** What to start, with its flags. @default dockerd alone */
  readonly command?: readonly [string, ...string[]];
  /** @default squall-dockerd.log in the folder for temporary files */
  readonly logFile?: string;
  readonly signal?: AbortSignal;
}

/**
 * The Docker engine of this machine, started where none answers: `dockerd` in the background, in a session of its own, so
 * that it outlives this process; its log is a file. Whoever starts one ends it by SIGTERM to its process id.
 * @throws SquallError `ENGINE_NOT_PERMITTED` when one runs that may not be used, `ENGINE_NOT_STARTED` with the end of its
 * log when it does not answer within 30 s
 */
export async function ensureEngine(options: EngineOptions = {}): Promise<Engine> {
  const { host, command = ['dockerd'], logFile = join(tmpdir(), 'squall-dockerd.log'), signal } = options;
  const first = await askVersion(host, signal);
  if (first.ok) return { version: first.stdout, startedPid: undefined, logFile: undefined };
  const trouble = engineTrouble(first.stderr);
  if (trouble.code !== 'ENGINE_NOT_RUNNING') throw trouble;
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
    const { ok, stdout } = await askVersion(host, signal);
    if (ok) return { version: stdout, startedPid: child.pid, logFile };
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

function askVersion(host: string | undefined, signal: AbortSignal | undefined) {
  return askDocker([...(host ? ['--host', host] : []), 'version', '--format', '{{.Server.Version}}'], signal, 5_000);
}

function notStarted(why: string): SquallError {
  return new SquallError('environment', 'ENGINE_NOT_STARTED', `Cannot start a Docker engine: ${why}.`, {
    next: 'Start Docker yourself; on Debian as root: `apt-get install docker.io iptables`, then run this again.',
  });
}
