import { chmodSync, lstatSync, mkdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { SquallError } from '../errors.ts';

/**
 * A folder in the user's cache, `$XDG_CACHE_HOME/squall/…` or `~/.cache/squall/…`, for what is run or unpacked later. Unlike the shared
 * temporary folder, where the first to create a name decides what is found there, nobody else can put anything in it.
 * @param name without slashes
 * @throws SquallError as {@link privateFolder}
 */
export function userCache(name: string): string {
  const { XDG_CACHE_HOME: given = '' } = process.env;
  // Of a folder that others own they can replace what is in it, so both levels are checked.
  return privateFolder(
    join(privateFolder(join(isAbsolute(given) ? given : join(homedir(), '.cache'), 'squall')), name),
  );
}

/**
 * Creates a folder that only this user can read and write, or takes such rights away from an existing one.
 * @returns its path
 * @throws SquallError `FOREIGN_FOLDER` for what belongs to another user, such as a planted link, or was writable by everybody;
 * `NO_FOLDER` if it cannot be created
 */
export function privateFolder(path: string): string {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    const message = `Cannot create the folder ${path}: ${(cause as Error).message}`;
    throw new SquallError('environment', 'NO_FOLDER', message, {
      cause,
      next: 'Set XDG_CACHE_HOME to a folder of yours.',
    });
  }
  const user = process.getuid?.();
  const [entry, folder] = [lstatSync(path), statSync(path)];
  // Windows has neither owners nor these modes.
  if (user === undefined) return path;
  const others = [entry, folder].find(({ uid }) => uid !== user);
  const problem = others ? `user ${others.uid} owns it` : folder.mode & 0o002 ? 'everybody can write to it' : undefined;
  if (problem !== undefined)
    throw new SquallError('environment', 'FOREIGN_FOLDER', `Expected ${path} to be this user's alone, but ${problem}`, {
      next: `Remove it, or set XDG_CACHE_HOME to a folder of yours.`,
    });
  if (folder.mode & 0o077) chmodSync(path, 0o700);
  return path;
}
