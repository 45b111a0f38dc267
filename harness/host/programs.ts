import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

/** Where `npm run tools` puts what it builds: in the checkout that runs, or in the project that one stands in. */
const toolsDirectories = () =>
  [...new Set([join(import.meta.dirname, '../..'), projectFolder()])].map(folder => join(folder, '.tools/bin'));
/** Not on the PATH of everybody. */
const SYSTEM_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin'];

/** Where a program may be, or is. */
export interface ProgramPlace {
  readonly command: string;
  readonly source: 'PATH' | '.tools/bin';
}

/** Where to look, for tests. */
export interface ProgramPlacesOptions {
  /** Its `PATH` is read; without one, system folders are left out too. @default process.env */
  readonly env?: NodeJS.ProcessEnv;
  /** @default `.tools/bin` of this checkout, then of the project that one stands in */
  readonly toolsDirectory?: string;
}

/** Where a program of this name may be, whether or not it is: on PATH, in the system's folders for programs, in `.tools/bin`. */
export function placesOf(name: string, options: ProgramPlacesOptions = {}): ProgramPlace[] {
  const { env = process.env, toolsDirectory } = options;
  const onPath = (env.PATH ?? '').split(delimiter).filter(folder => folder !== '');
  const folders = env.PATH ? [...onPath, ...SYSTEM_FOLDERS] : [];
  return [
    ...folders.map(folder => ({ command: join(folder, name), source: 'PATH' as const })),
    ...(toolsDirectory === undefined ? toolsDirectories() : [toolsDirectory]).map(folder => ({
      command: join(folder, name),
      source: '.tools/bin' as const,
    })),
  ];
}

/** The first of {@link placesOf} that has a program. */
export function findProgram(name: string, options?: ProgramPlacesOptions): ProgramPlace | undefined {
  return placesOf(name, options).find(({ command }) => isProgram(command));
}

/** Whether a path is a file that this process may run. */
function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * Folder of the project that one stands in: the nearest from `folder` upwards with a `package.json`; without any, `folder` itself. New runs
 * are stored in its `reports/runs`, and programs looked up in its `.tools/bin`. Standing in a checkout of Squall, that is the checkout.
 * @param folder absolute. @default the current folder
 */
export function projectFolder(folder = process.cwd()): string {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, 'package.json'))) return at;
    if (at === dirname(at)) return folder;
  }
}
