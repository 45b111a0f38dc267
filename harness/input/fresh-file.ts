import { readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isProcessAlive } from '../host/process-group.ts';

const FRESH = /\.(\d+)\.new$/;
/** Longer than any writer pauses, since a process that is alive in another container has no id here. */
const MIN_AGE_MS = 600_000;

/** Path at which this process writes what will then replace the file at `path`, beside it: `<path>.<process id>.new`. */
export function freshPath(path: string): string {
  return `${path}.${process.pid}.new`;
}

/** Replaces a file at once, for this user alone: whoever reads it meanwhile, or after a kill, finds the old or the new one, whole. */
export function replaceFile(path: string, content: string | Uint8Array): void {
  writeFileSync(freshPath(path), content, { mode: 0o600 });
  renameSync(freshPath(path), path);
}

/**
 * Removes from a folder what processes that were killed had not finished: files of {@link freshPath} ten minutes older than the newest file
 * there, so it is to be called after writing one.
 */
export function removeUnfinished(folder: string): void {
  const writtenMs = (name: string) => statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const names = readdirSync(folder);
  const unfinished = names.filter(name => {
    const pid = Number(FRESH.exec(name)?.[1] ?? 0);
    return pid > 0 && !isProcessAlive(pid);
  });
  if (unfinished.length === 0) return;
  const newestMs = Math.max(...names.map(writtenMs));
  for (const name of unfinished)
    if (newestMs - writtenMs(name) > MIN_AGE_MS) rmSync(join(folder, name), { force: true });
}
