import type Dockerode from 'dockerode';
import { systemClock } from '../../../harness/clock.ts';
import { messageOf, SquallError } from '../../../harness/errors.ts';
import { type Engine, engineApi } from '../engine.ts';
import { type ContextEntry, packContext } from './build-context.ts';

/** Timeout of a build, load or import, in ms. */
const WORK_LIMIT_MS = 900_000;
const SHOWN_LINES = 15;

/** One line of an engine's progress report. */
interface Progress {
  readonly stream?: string;
  readonly status?: string;
  readonly error?: string;
}

/**
 * Runs a long operation of the engine, and follows its progress report.
 * @throws SquallError `IMAGE_DISK_FULL` or `IMAGE_BUILD_FAILED` with the last lines of the report; the signal's reason on abort
 */
export async function work(
  what: string,
  { socketPath }: Engine,
  begin: (api: Dockerode, abortSignal: AbortSignal) => Promise<NodeJS.ReadableStream>,
  signal?: AbortSignal,
): Promise<void> {
  const limit = systemClock.timeout(WORK_LIMIT_MS);
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

/** Builds an image tagged `t`. @throws SquallError as {@link work} */
export async function buildImage(
  context: readonly ContextEntry[],
  settings: {
    readonly t: string;
    readonly labels?: Record<string, string>;
    readonly buildargs?: Record<string, string>;
  },
  engine: Engine,
  signal?: AbortSignal,
): Promise<void> {
  await work(
    `Building ${settings.t}`,
    engine,
    // `forcerm` removes intermediate containers of a failed build, too.
    (api, abortSignal) => api.buildImage(packContext(context), { ...settings, forcerm: true, abortSignal }),
    signal,
  );
}

/** Error of a failed step, from its output. */
export function buildFailure(what: string, output: string): SquallError {
  if (/no space left on device|disk quota exceeded/i.test(output))
    return new SquallError('environment', 'IMAGE_DISK_FULL', `${what} failed: the disk is full.`, {
      next: 'Free some space (`docker system df` shows what the engine uses), then run it again.',
    });
  const lines = output.split('\n').filter(line => line.trim() !== '');
  const shown = lines.slice(-SHOWN_LINES).map(line => `    ${line}`);
  return new SquallError('environment', 'IMAGE_BUILD_FAILED', `${what} failed:\n${shown.join('\n')}`, {
    next: 'Fix the error shown in the last lines, then run `npm run images` again.',
  });
}
