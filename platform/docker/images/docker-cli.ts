import { $, which } from 'zx';
import { SquallError } from '../../../harness/errors.ts';

/** Longest wait for a question to the engine, in ms. */
const QUESTION_LIMIT_MS = 15_000;
/** Longest build, load or import, in ms: a slow mirror is no reason to wait for ever. */
const WORK_LIMIT_MS = 900_000;
const SHOWN_LINES = 15;

/** What a `docker` command printed and how it ended; it did not throw. */
export interface DockerOutput {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Asks the engine something short, by the `docker` command, which knows contexts, DOCKER_HOST and credentials. */
export async function askDocker(
  args: readonly string[],
  signal?: AbortSignal,
  limitMs = QUESTION_LIMIT_MS,
): Promise<DockerOutput> {
  if (!(await which('docker', { nothrow: true })))
    return { ok: false, stdout: '', stderr: 'docker: command not found' };
  const { exitCode, stdout, stderr, signal: killedBy } = await run(args, limitMs, signal);
  signal?.throwIfAborted();
  const late = killedBy ? `no answer within ${limitMs / 1000} s` : '';
  return { ok: exitCode === 0, stdout: stdout.trim(), stderr: late || stderr.trim() };
}

/**
 * Has the engine do something long.
 * @throws SquallError `IMAGE_DISK_FULL` or `IMAGE_BUILD_FAILED` with the last lines it printed
 */
export async function workDocker(what: string, args: readonly string[], signal?: AbortSignal): Promise<string> {
  const { exitCode, stdout, stderr } = await run(args, WORK_LIMIT_MS, signal);
  signal?.throwIfAborted();
  if (exitCode !== 0) throw buildFailure(what, `${stdout}\n${stderr}`);
  return stdout.trim();
}

/** What a failed step's output means. */
export function buildFailure(what: string, output: string): SquallError {
  const lines = output.split('\n').filter(line => line.trim() !== '');
  const shown = lines.slice(-SHOWN_LINES).map(line => `    ${line}`);
  if (/no space left on device|disk quota exceeded/i.test(output))
    return new SquallError('environment', 'IMAGE_DISK_FULL', `${what} failed: the disk is full.`, {
      next: 'Free some space (`docker system df` shows what the engine holds), then run it again.',
    });
  return new SquallError('environment', 'IMAGE_BUILD_FAILED', `${what} failed:\n${shown.join('\n')}`, {
    next: 'Mend what the last lines say, then run `npm run images` again.',
  });
}

/**
 * The engine's version.
 * @throws SquallError `DOCKER_COMMAND_MISSING`, `ENGINE_NOT_PERMITTED` or `ENGINE_NOT_RUNNING`
 */
export async function requireEngine(signal?: AbortSignal): Promise<string> {
  const { ok, stdout, stderr } = await askDocker(['version', '--format', '{{.Server.Version}}'], signal);
  if (ok) return stdout;
  throw engineTrouble(stderr);
}

/** What it means that the engine could not be asked. */
export function engineTrouble(stderr: string): SquallError {
  const last = stderr.split('\n').at(-1) ?? '';
  if (/command not found/i.test(stderr))
    return trouble(
      'DOCKER_COMMAND_MISSING',
      'There is no `docker` command on PATH.',
      'Install Docker; on Debian: `apt-get install docker.io`.',
    );
  if (/permission denied/i.test(stderr))
    return trouble(
      'ENGINE_NOT_PERMITTED',
      `You may not use the Docker engine: ${last}`,
      'Join its group (`sudo usermod -aG docker $USER`, then log in again), or run this as root.',
    );
  return trouble(
    'ENGINE_NOT_RUNNING',
    `No Docker engine answers: ${last}`,
    'Start Docker; as root on Debian: `node platform/docker/images/engine-main.ts start`.',
  );
}

function trouble(code: string, message: string, next: string): SquallError {
  return new SquallError('environment', code, message, { next });
}

function run(args: readonly string[], limitMs: number, signal: AbortSignal | undefined) {
  const limits = { timeout: limitMs, ...(signal ? { signal } : {}) };
  return $({ quiet: true, nothrow: true, stdio: ['ignore', 'pipe', 'pipe'], ...limits })`docker ${args}`;
}
