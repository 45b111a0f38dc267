import { dirname, join, normalize } from 'node:path';

/** What some programs need in order to run. */
export interface Needs {
  /** Modules reached from the programs, relative to the checkout, sorted. */
  readonly modules: readonly string[];
  /** Names of the npm packages that those import, sorted. */
  readonly packages: readonly string[];
}

const IMPORT = /^\s*(?:import|export)\s+(?!type\b)(?:[^;'"]*?\sfrom\s+)?'([^']+)'|import\(\s*'([^']+)'/gm;

/**
 * Follows the imports of `programs`, so that the image holds what its services run and nothing else: a change to a
 * test, a report or a platform leaves the image as it is, and their packages stay out of it.
 * @param read text of a file by its path relative to the checkout
 */
export function needsOf(programs: readonly string[], read: (path: string) => string): Needs {
  const modules = new Set<string>();
  const packages = new Set<string>();
  const todo = [...programs];
  for (let path = todo.pop(); path !== undefined; path = todo.pop()) {
    if (modules.has(path)) continue;
    modules.add(path);
    if (!/\.[jt]s$/.test(path)) continue;
    for (const match of read(path).matchAll(IMPORT)) {
      const target = match[1] ?? match[2]!;
      if (target.startsWith('.')) todo.push(normalize(join(dirname(path), target)));
      else if (!target.startsWith('node:')) packages.add(packageName(target));
    }
  }
  return { modules: [...modules].sort(), packages: [...packages].sort() };
}

/** The part of a lock file (version 3) that is read here. */
export interface LockFile {
  readonly packages: Readonly<
    Record<
      string,
      {
        readonly version?: string;
        readonly dependencies?: Readonly<Record<string, string>>;
        readonly optionalDependencies?: Readonly<Record<string, string>>;
      }
    >
  >;
}

/**
 * Folders (`node_modules/…`) and versions of `names` and all that they depend on, found as Node finds them: the nearest
 * `node_modules` upwards. Optional dependencies are left out: they are made for one processor or system.
 * @throws Error when the lock file lacks one
 */
export function installedPackages(names: readonly string[], lock: LockFile): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const visit = (name: string, from: string): void => {
    const folder = nearest(name, from, lock);
    if (found.has(folder)) return;
    const { version = '', dependencies = {}, optionalDependencies = {} } = lock.packages[folder]!;
    found.set(folder, version);
    for (const dependency of Object.keys(dependencies))
      if (!(dependency in optionalDependencies)) visit(dependency, folder);
  };
  for (const name of names) visit(name, '');
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function nearest(name: string, from: string, lock: LockFile): string {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules/') - 1))) {
    const candidate = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`;
    if (candidate in lock.packages) return candidate;
    if (folder === '') throw new Error(`package-lock.json has no ${name}, which ${from || 'a service'} imports`);
  }
}

function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
