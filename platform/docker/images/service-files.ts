import { dirname, join, normalize } from 'node:path';

const IMPORT = /^\s*(?:import|export)\s+(?!type\b)(?:[^;'"]*?\sfrom\s+)?'([^']+)'|import\(\s*'([^']+)'/gm;
/** Name of the package in an import, such as `@scope/name/file`. */
const PACKAGE = /^(@[^/]+\/)?[^/]+/;

/**
 * Follows the imports of `programs`, so that the image contains only what its services run: a change to a test, a report or a platform
 * leaves the image unchanged, and their packages out of it.
 * @param read returns the text of a file, by its path relative to the checkout
 * @returns paths of all modules, relative to the checkout, and names of the npm packages they import, both sorted
 */
export function needsOf(programs: readonly string[], read: (path: string) => string) {
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
      else if (!target.startsWith('node:')) packages.add(PACKAGE.exec(target)![0]);
    }
  }
  return { modules: [...modules].sort(), packages: [...packages].sort() };
}

type Dependencies = Readonly<Record<string, string>>;

/** Lock file (version 3), as far as it is read here. */
export interface LockFile {
  readonly packages: Readonly<Record<string, { dependencies?: Dependencies; optionalDependencies?: Dependencies }>>;
}

/**
 * Folders (`node_modules/…`) of `names` and all their dependencies, found like Node does: in the nearest `node_modules` upwards.
 * Optional dependencies are left out, since they are specific to a processor or system.
 * @throws Error if the lock file lacks one
 */
export function installedPackages(names: readonly string[], lock: LockFile): string[] {
  const found = new Set<string>();
  const visit = (name: string, from: string): void => {
    const folder = nearest(name, from, lock);
    if (found.has(folder)) return;
    found.add(folder);
    const { dependencies = {}, optionalDependencies = {} } = lock.packages[folder]!;
    for (const dependency of Object.keys(dependencies))
      if (!(dependency in optionalDependencies)) visit(dependency, folder);
  };
  for (const name of names) visit(name, '');
  return [...found].sort();
}

function nearest(name: string, from: string, lock: LockFile): string {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules/') - 1))) {
    const candidate = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`;
    if (candidate in lock.packages) return candidate;
    if (folder === '') throw new Error(`package-lock.json has no ${name}, which ${from || 'a service'} imports`);
  }
}
