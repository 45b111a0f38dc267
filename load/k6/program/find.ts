import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SquallError } from '../../../harness/errors.ts';
import { findProgram, type ProgramPlace, type ProgramPlacesOptions, placesOf } from '../../../harness/host/programs.ts';
import { engineSocket, findEngine, requireImages } from '../../../platform/docker/engine.ts';

/** Creating a container for it takes a second or two on a busy machine. */
const VERSION_LIMIT_MS = 15_000;
/** First version with the executors, flags and TypeScript support that the scripts need. */
const MIN_MAJOR = 2;
const DEFAULT_IMAGE = 'grafana/k6';

/** k6 that reports a supported version. */
export interface FoundK6 {
  /** k6 itself, or the `docker` that runs it from `image`. */
  readonly command: string;
  readonly image?: string;
  readonly source: ProgramPlace['source'] | 'SQUALL_K6' | `image ${string}`;
  /** Such as `2.2.0`. */
  readonly version: string;
}

/**
 * Finds k6 on PATH, else in `.tools/bin`, else in the image `grafana/k6` of this machine's Docker engine; nothing is pulled. The
 * environment variables `SQUALL_K6` and `SQUALL_K6_IMAGE` name another program, or another image, which then takes precedence.
 * Programs that are older than version 2, or do not report a version as k6 does, are skipped.
 * @param options `env` also selects the Docker engine
 * @returns undefined if there is none
 */
export async function findK6(options: ProgramPlacesOptions = {}, signal?: AbortSignal): Promise<FoundK6 | undefined> {
  const { env = process.env } = options;
  for (const { command, source } of candidates(options)) {
    const version = await readVersion(command, ['version'], signal);
    if (version !== undefined) return { command, source, version };
  }
  if (env.SQUALL_K6) return undefined;
  return findInImage(env, signal).catch(() => {
    signal?.throwIfAborted();
    return undefined;
  });
}

/** Whether {@link findK6} would find a program rather than an image; synchronous. */
export function hasK6(options: ProgramPlacesOptions = {}): boolean {
  const run = (command: string) => spawnSync(command, ['version'], { timeout: VERSION_LIMIT_MS, encoding: 'utf8' });
  return candidates(options).some(({ command }) => versionIn(run(command).stdout ?? '') !== undefined);
}

/**
 * Like {@link findK6}, but never undefined.
 * @throws SquallError `K6_NOT_FOUND`; for an image that `SQUALL_K6_IMAGE` names also `IMAGE_MISSING`, `NO_DOCKER_COMMAND`, or why the
 * engine does not respond
 */
export async function requireK6(options: ProgramPlacesOptions = {}, signal?: AbortSignal): Promise<FoundK6> {
  const found = await findK6(options, signal);
  if (found) return found;
  const { env = process.env } = options;
  const named = env.SQUALL_K6;
  if (!named && env.SQUALL_K6_IMAGE) return findInImage(env, signal);
  throw notFound(
    named ? `at ${named}, which SQUALL_K6 names` : 'on PATH or in .tools/bin',
    'Put k6 on PATH (in a checkout, `npm run tools` builds it, which needs Go), get an image with `docker pull grafana/k6`, or use `load.engine: stream`.',
  );
}

/** Arguments of `docker` that select this machine's engine, regardless of the user's settings. @param folder an empty one */
export function dockerArgs(env: NodeJS.ProcessEnv, folder: string): string[] {
  return ['--config', folder, '--host', `unix://${engineSocket(env)}`];
}

async function findInImage(env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<FoundK6> {
  const image = env.SQUALL_K6_IMAGE || DEFAULT_IMAGE;
  const command = findProgram('docker', { env })?.command;
  if (command === undefined) {
    const message = `Expected the command docker on PATH, to run k6 from ${image}`;
    const next =
      'Install the Docker command line, or put k6 on PATH (in a checkout, `npm run tools` builds it, which needs Go).';
    throw new SquallError('environment', 'NO_DOCKER_COMMAND', message, { next });
  }
  const engine = await findEngine(engineSocket(env), signal);
  const next = `Run \`docker pull ${image}\`, or name another image with k6 in SQUALL_K6_IMAGE.`;
  await requireImages(engine, [image], next, signal);
  const folder = mkdtempSync(join(tmpdir(), 'squall-k6-'));
  try {
    const isolated = ['--rm', '--pull=never', '--network=none', '--log-driver=none', '--entrypoint=k6'];
    const args = [...dockerArgs(env, folder), 'run', ...isolated, image, 'version'];
    const version = await readVersion(command, args, signal);
    if (version !== undefined) return { command, image, source: `image ${image}`, version };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  throw notFound(`in the image ${image}`, 'Set SQUALL_K6_IMAGE to an image with k6 on its PATH.');
}

function notFound(where: string, next: string): SquallError {
  return new SquallError('environment', 'K6_NOT_FOUND', `Expected k6 2.0 or newer ${where}, found none`, { next });
}

function candidates(options: ProgramPlacesOptions) {
  const { env = process.env } = options;
  if (env.SQUALL_K6) return [{ command: env.SQUALL_K6, source: 'SQUALL_K6' as const }];
  if (env.SQUALL_K6_IMAGE) return [];
  return placesOf('k6', options);
}

/** Version of a k6; undefined if it does not run, is too old or is not k6. @throws the signal's reason on abort */
async function readVersion(command: string, args: string[], signal?: AbortSignal): Promise<string | undefined> {
  const options = { timeout: VERSION_LIMIT_MS, ...(signal && { signal }) };
  const output = await promisify(execFile)(command, args, options).catch(() => undefined);
  signal?.throwIfAborted();
  return versionIn(output?.stdout ?? '');
}

function versionIn(output: string): string | undefined {
  const version = /^k6(?:\.exe)? v(\d+\.\d+\.\d+\S*)/.exec(output)?.[1];
  return Number(version?.split('.')[0]) >= MIN_MAJOR ? version : undefined;
}
