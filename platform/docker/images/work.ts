import type Dockerode from 'dockerode';
import { messageOf, SquallError } from '../../../harness/errors.ts';
import { type Engine, engineApi } from '../engine.ts';

/** Longest build, load or import, in ms: a slow mirror is no reason to wait for ever. */
const WORK_LIMIT_MS = 900_000;
const SHOWN_LINES = 15;

/** One line of what an engine reports while it works. */
interface Progress {
  readonly stream?: string;
  readonly status?: string;
  readonly error?: string;
}

/**
 * Has the engine do something long, and follows what it reports.
 * @throws SquallError `IMAGE_DISK_FULL` or `IMAGE_BUILD_FAILED` with the last lines of its report; the signal's reason on abort
 */
export async function work(
  what: string,
  { socketPath }: Engine,
  begin: (api: Dockerode, abortSignal: AbortSignal) => Promise<NodeJS.ReadableStream>,
  signal?: AbortSignal,
): Promise<void> {
  const limit = AbortSignal.timeout(WORK_LIMIT_MS);
  const lines: string[] = [];
  const take = ({ stream, status, error }: Progress) => void lines.push(stream ?? status ?? error ?? '');
  try {
    const api = await engineApi(socketPath, 0);
    const report = await begin(api, signal ? AbortSignal.any([signal, limit]) : limit);
    const output = await new Promise<Progress[]>((resolve, reject) =>
      api.modem.followProgress(report, (error, all) => (error ? reject(error) : resolve(all)), take),
    );
    if (output.every(({ error }) => error === undefined)) return;
  } catch (error) {
    signal?.throwIfAborted();
    lines.push(messageOf(error));
  }
  throw buildFailure(what, lines.join('\n'));
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
    next: 'Correct what the last lines say, then run `npm run images` again.',
  });
}
