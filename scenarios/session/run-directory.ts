import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmdirSync, statfsSync, statSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import type { Clock } from '../../harness/clock.ts';
import { messageOf, SquallError } from '../../harness/errors.ts';
import type { RunEnvironment } from '../../harness/history.ts';
import { systemSecrets } from '../../harness/host/secrets.ts';
import { pathFrom } from '../../harness/input/files.ts';
import { revisionOf } from './revision.ts';
import { formatBytes } from './run-size.ts';

/** Minimum free space for the history, requests and logs of a run; a minute of the main scenario takes a few MiB. */
const MIN_FREE_BYTES = 64 * 2 ** 20;

/**
 * Creates a run directory below `out`, for this user alone: what a run records may contain keys.
 * @param bytes that the run is known to take, see {@link diskBytesOf}
 * @returns its absolute path, since services run in folders of their own
 * @throws SquallError `OUTPUT_NOT_WRITABLE`, `DISK_FULL`
 */
export function openRunDirectory(
  scenario: string,
  out: string,
  clock: Clock,
  bytes = 0,
): { readonly environment: RunEnvironment; readonly directory: string } {
  const environment = environmentOf(scenario, clock);
  return { environment, directory: makeDirectory('--out', pathFrom(out), environment.id, bytes) };
}

/**
 * Checks that a folder can be written to, as {@link openRunDirectory} does, and leaves nothing there: folders that it has to make are removed.
 * @param name of the option or argument that names it, such as `--out`
 * @param bytes that must be free there
 * @throws SquallError `OUTPUT_NOT_WRITABLE`, `DISK_FULL`
 */
export function requireWritable(name: string, folder: string, bytes = 0): void {
  const path = pathFrom(folder);
  let existing = path;
  while (!existsSync(existing)) existing = dirname(existing);
  const trial = `squall-${process.pid}-${systemSecrets(4).toString('hex')}`;
  try {
    makeDirectory(name, path, trial, bytes);
  } finally {
    for (let made = join(path, trial); made !== existing; made = dirname(made)) removeEmpty(made);
  }
}

/** Whether an error was caused by a full disk. */
export function isDiskFull(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause)
    if (['ENOSPC', 'EDQUOT'].includes((at as NodeJS.ErrnoException).code ?? '')) return true;
  return /ENOSPC|no space left on device/i.test(messageOf(error));
}

/** The error for a full disk. @param details such as `: it takes 3 GB`. @default none */
export function diskFull(where: string, cause: unknown, details = ''): SquallError {
  return new SquallError('environment', 'DISK_FULL', `There is not enough disk space below ${where}${details}`, {
    cause,
    next: `Free some space, for example by deleting old runs in ${where}, or choose another disk with --out.`,
  });
}

/** Where and when a run of this process takes place, with a fresh id. */
export function environmentOf(scenario: string, clock: Clock): RunEnvironment {
  const startedAt = clock.date().toISOString();
  const stamp = startedAt.slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  const cores = cpus();
  return {
    id: `${scenario}-${stamp}-${systemSecrets(2).toString('hex')}`,
    startedAt,
    machine: {
      platform: `${process.platform} ${process.arch}`,
      kernel: release(),
      cpu: cores[0]?.model ?? 'unknown',
      cores: cores.length,
      memoryGiB: Number((totalmem() / 2 ** 30).toFixed(1)),
    },
    versions: { squall: squallVersion(), node: process.versions.node },
    revision: revisionOf(process.cwd(), process.env),
  };
}

function squallVersion(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;
}

/** Attempts to make a folder whose parents others remove meanwhile, as {@link requireWritable} of a concurrent command does. */
const MAX_ATTEMPTS = 20;

function makeBelow(directory: string): void {
  for (let attempt = 1; ; attempt += 1)
    try {
      makeFolders(dirname(directory));
      mkdirSync(directory, { mode: 0o700 });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === MAX_ATTEMPTS) throw error;
    }
}

/** Creates one folder at a time, since `mkdirSync` with `recursive` never returns below `/proc`. */
function makeFolders(path: string): void {
  if (existsSync(path)) return;
  makeFolders(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    // A concurrent run may have created the folder.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** Leaves a folder that is not there, or that somebody else uses by now. */
function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {}
}

function makeDirectory(name: string, out: string, id: string, bytes: number): string {
  const directory = join(out, id);
  try {
    // A line of a service's configuration would end there.
    if (/\p{Cc}/u.test(directory)) throw new Error('its path has a control character');
    if (statSync(out, { throwIfNoEntry: false })?.isDirectory() === false) throw new Error('it is no folder');
    makeBelow(directory);
    accessSync(directory, constants.W_OK);
  } catch (error) {
    if (isDiskFull(error)) throw diskFull(out, error);
    throw new SquallError(
      'environment',
      'OUTPUT_NOT_WRITABLE',
      `Expected ${name} to be a writable folder, got ${out}: ${messageOf(error)}`,
      { cause: error, next: `Make ${out} writable, or choose another folder.` },
    );
  }
  const { bavail, bsize } = statfsSync(directory);
  const free = bavail * bsize;
  if (free < MIN_FREE_BYTES + bytes) {
    rmdirSync(directory);
    throw diskFull(
      out,
      undefined,
      bytes > 0 ? `: this run takes some ${formatBytes(bytes)}, and ${formatBytes(free)} are free` : '',
    );
  }
  return directory;
}
