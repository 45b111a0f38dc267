import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SquallError } from '../../../harness/errors.ts';
import { type ProgramPlace, type ProgramPlacesOptions, placesOf } from '../../../harness/host/programs.ts';
import { dockerArgs, requireK6Image } from './image.ts';

/** Making a container for it takes a second or two on a busy machine. */
const VERSION_LIMIT_MS = 15_000;
/** The first version whose executors, flags and TypeScript the scripts were written for. */
const OLDEST_MAJOR = 2;

/** A k6 that answers `version` and is new enough. */
export interface FoundK6 {
  /** k6 itself, or the `docker` that runs it from `image`. */
  readonly command: string;
  readonly image?: string;
  readonly source: ProgramPlace['source'] | 'SQUALL_K6' | `image ${string}`;
  /** Such as `2.2.0`. */
  readonly version: string;
}

/**
 * k6 on PATH, else in `.tools/bin`, else in the image `grafana/k6` of this machine's Docker engine. The environment variables
 * `SQUALL_K6` and `SQUALL_K6_IMAGE` name another binary, or another image, which is then preferred to both. What is older than
 * version 2, or does not answer `version` as k6 does, is passed over.
 * @param options of its `env`, what names the Docker engine is read too
 * @returns undefined where there is none
 */
export async function findK6(options: ProgramPlacesOptions = {}, signal?: AbortSignal): Promise<FoundK6 | undefined> {
  const { env = process.env } = options;
  for (const { command, source } of candidates(options)) {
    const version = await readVersion(command, ['version'], signal).catch(() => undefined);
    signal?.throwIfAborted();
    if (version !== undefined) return { command, source, version };
  }
  if (env.SQUALL_K6) return undefined;
  return inImage(env, signal).catch(() => {
    signal?.throwIfAborted();
    return undefined;
  });
}

/** @throws SquallError as {@link requireK6Image}, or `K6_NOT_FOUND` when there is no k6 in it */
async function inImage(env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<FoundK6> {
  const { image, docker } = await requireK6Image(env, signal);
  const folder = mkdtempSync(join(tmpdir(), 'squall-k6-'));
  try {
    const isolated = ['--rm', '--pull=never', '--network=none', '--log-driver=none', '--entrypoint=k6'];
    const args = [...dockerArgs(env, folder), 'run', ...isolated, image, 'version'];
    const version = await readVersion(docker, args, signal).catch(() => undefined);
    if (version !== undefined) return { command: docker, image, source: `image ${image}`, version };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  throw new SquallError(
    'environment',
    'K6_NOT_FOUND',
    `Expected k6 2.0 or newer in the image ${image}, and found none`,
    {
      next: 'Name an image that has one on its PATH in SQUALL_K6_IMAGE.',
    },
  );
}

/** Whether {@link findK6} finds a program, not an image, for those who cannot wait for it. */
export function hasK6(options: ProgramPlacesOptions = {}): boolean {
  const run = (command: string) => spawnSync(command, ['version'], { timeout: VERSION_LIMIT_MS, encoding: 'utf8' });
  return candidates(options).some(({ command }) => versionIn(run(command).stdout ?? '') !== undefined);
}

/**
 * As {@link findK6}, for those who cannot do without.
 * @throws SquallError `K6_NOT_FOUND` of kind `environment`
 */
export async function requireK6(options: ProgramPlacesOptions = {}, signal?: AbortSignal): Promise<FoundK6> {
  const found = await findK6(options, signal);
  if (found) return found;
  const { env = process.env } = options;
  const named = env.SQUALL_K6;
  if (!named && env.SQUALL_K6_IMAGE) return inImage(env, signal);
  const where = named ? `at ${named}, which SQUALL_K6 names` : 'on PATH or in .tools/bin';
  throw new SquallError('environment', 'K6_NOT_FOUND', `Expected k6 2.0 or newer ${where}, and found none`, {
    next: 'Run `npm run tools`, which builds it (needs Go), put k6 on PATH, give the Docker engine an image with `docker pull grafana/k6`, or drive the load with `load.engine: stream`.',
  });
}

function candidates(options: ProgramPlacesOptions) {
  const { env = process.env } = options;
  if (env.SQUALL_K6) return [{ command: env.SQUALL_K6, source: 'SQUALL_K6' as const }];
  if (env.SQUALL_K6_IMAGE) return [];
  return placesOf('k6', options);
}

async function readVersion(command: string, args: string[], signal?: AbortSignal): Promise<string | undefined> {
  const output = await new Promise<string>((resolve, reject) => {
    const limits = { timeout: VERSION_LIMIT_MS, ...(signal ? { signal } : {}) };
    execFile(command, args, limits, (error, stdout) => (error ? reject(error) : resolve(stdout)));
  });
  return versionIn(output);
}

/** The version that a k6 told; undefined for one that is too old, and for what is no k6. */
function versionIn(output: string): string | undefined {
  const version = /^k6(?:\.exe)? v(\d+\.\d+\.\d+\S*)/.exec(output)?.[1];
  return Number(version?.split('.')[0]) >= OLDEST_MAJOR ? version : undefined;
}
