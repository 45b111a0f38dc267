import { execFile, spawnSync } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { SquallError } from '../../../harness/errors.ts';

const TOOLS_DIRECTORY = join(import.meta.dirname, '../../../.tools/bin');
const VERSION_LIMIT_MS = 5000;
/** The first version whose executors, flags and TypeScript the scripts were written for. */
const OLDEST_MAJOR = 2;

/** A k6 that answers `version` and is new enough. */
export interface FoundK6 {
  readonly command: string;
  readonly source: 'PATH' | '.tools/bin' | 'SQUALL_K6';
  /** Such as `2.2.0`. */
  readonly version: string;
}

/** Where to look, for tests. */
export interface FindK6Options {
  /** Its `PATH` and `SQUALL_K6` are read. @default process.env */
  readonly env?: NodeJS.ProcessEnv;
  /** @default `.tools/bin` of this checkout */
  readonly toolsDirectory?: string;
}

/**
 * k6 on PATH, else in `.tools/bin`; the environment variable `SQUALL_K6` names another binary. What is older than version 2, or
 * does not answer `version` as k6 does, is passed over.
 * @returns undefined where there is none
 */
export async function findK6(options: FindK6Options = {}, signal?: AbortSignal): Promise<FoundK6 | undefined> {
  const { env = process.env, toolsDirectory = TOOLS_DIRECTORY } = options;
  for (const { command, source } of candidates(env, toolsDirectory)) {
    const version = await readVersion(command, signal).catch(() => undefined);
    signal?.throwIfAborted();
    if (version !== undefined) return { command, source, version };
  }
  return undefined;
}

/** Whether {@link findK6} finds one, for those who cannot wait for it. */
export function hasK6({ env = process.env, toolsDirectory = TOOLS_DIRECTORY }: FindK6Options = {}): boolean {
  const run = (command: string) => spawnSync(command, ['version'], { timeout: VERSION_LIMIT_MS, encoding: 'utf8' });
  return candidates(env, toolsDirectory).some(({ command }) => versionIn(run(command).stdout ?? '') !== undefined);
}

/**
 * As {@link findK6}, for those who cannot do without.
 * @throws SquallError `K6_NOT_FOUND` of kind `environment`
 */
export async function requireK6(options: FindK6Options = {}, signal?: AbortSignal): Promise<FoundK6> {
  const found = await findK6(options, signal);
  if (found) return found;
  const named = (options.env ?? process.env).SQUALL_K6;
  const where = named ? `at ${named}, which SQUALL_K6 names` : 'on PATH or in .tools/bin';
  throw new SquallError('environment', 'K6_NOT_FOUND', `Expected k6 2.0 or newer ${where}, and found none`, {
    next: 'Run `npm run tools`, which builds it (needs Go), put k6 on PATH, or drive the load with `load.engine: stream`.',
  });
}

function candidates(env: NodeJS.ProcessEnv, toolsDirectory: string) {
  if (env.SQUALL_K6) return [{ command: env.SQUALL_K6, source: 'SQUALL_K6' as const }];
  const onPath = (env.PATH ?? '').split(delimiter).filter(directory => directory !== '');
  return [
    ...onPath.map(directory => ({ command: join(directory, 'k6'), source: 'PATH' as const })),
    { command: join(toolsDirectory, 'k6'), source: '.tools/bin' as const },
  ];
}

async function readVersion(command: string, signal?: AbortSignal): Promise<string | undefined> {
  await access(command, constants.X_OK);
  const output = await new Promise<string>((resolve, reject) => {
    const limits = { timeout: VERSION_LIMIT_MS, ...(signal ? { signal } : {}) };
    execFile(command, ['version'], limits, (error, stdout) => (error ? reject(error) : resolve(stdout)));
  });
  return versionIn(output);
}

/** The version that a k6 told; undefined for one that is too old, and for what is no k6. */
function versionIn(output: string): string | undefined {
  const version = /^k6(?:\.exe)? v(\d+\.\d+\.\d+\S*)/.exec(output)?.[1];
  return Number(version?.split('.')[0]) >= OLDEST_MAJOR ? version : undefined;
}
