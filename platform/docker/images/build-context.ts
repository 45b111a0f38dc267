import { createHash } from 'node:crypto';
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { archiveOf, below, filesBelow } from '../archive.ts';
import { HOME } from '../layout.ts';
import type { ImageName } from './image-names.ts';
import { installedPackages, type LockFile, needsOf } from './service-files.ts';

/** One file or folder of a build context. */
export interface ContextEntry {
  /** Where it goes, relative to the context. */
  readonly target: string;
  readonly mode: number;
  readonly content: Buffer | Folder;
}

/** A folder that is copied as it is, and is the same as long as `identity` is. */
export interface Folder {
  readonly folder: string;
  readonly identity: string;
}

/**
 * A hash of everything that decides what an image is: `inputs` (base, versions) and `entries`, in any order.
 * @returns 12 hexadecimal digits, a valid tag
 */
export function contentHash(inputs: readonly string[], entries: readonly ContextEntry[]): string {
  const hash = createHash('sha256').update(JSON.stringify(inputs));
  for (const { target, mode, content } of entries.toSorted((a, b) => (a.target < b.target ? -1 : 1))) {
    const identity = 'identity' in content ? content.identity : createHash('sha256').update(content).digest('hex');
    hash.update(JSON.stringify([target, mode, identity]));
  }
  return hash.digest('hex').slice(0, 12);
}

/** The context of an image: what is in its folder here, the health check, and for the services their programs and packages. */
export function contextOf(name: ImageName | 'base', root = HOME): ContextEntry[] {
  const folder = join(root, 'platform/docker/images', name);
  const own = readdirSync(folder).map(file => entry(file, readFileSync(join(folder, file))));
  const health = entry('http-ok', readFileSync(join(root, 'platform/docker/images/http-ok')), 0o755);
  const shared = name === 'base' || name === 'redis' ? [] : [health];
  return [...own, ...shared, ...(name === 'service' ? serviceEntries(root) : [])];
}

/** A context as the engine takes it. */
export function packContext(entries: readonly ContextEntry[]): Readable {
  const modes = new Map(entries.map(({ target, mode }) => [target, mode]));
  const files = entries.map(({ target, content }) =>
    'folder' in content ? below(target, filesBelow(content.folder)) : { [target]: content },
  );
  const everyone = { uid: 0, folderMode: 0o755, modeOf: (path: string) => modes.get(path) ?? 0o644 };
  return archiveOf(Object.assign({}, ...files), everyone);
}

/** Programs of the service image: each service's `main.ts`, and the embedded fault proxy. */
function programs(root: string): string[] {
  const services = globSync('stack/**/main.ts', { cwd: root });
  return [...services, 'faults/toxiproxy/server-main.ts'].sort();
}

function serviceEntries(root: string): ContextEntry[] {
  const needs = needsOf(programs(root), path => readFileSync(join(root, path), 'utf8'));
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as LockFile;
  // Whatever lies beside a module and is not a module may be read by it: scripts for Redis, templates.
  const data = [...new Set(needs.modules.map(path => dirname(path)))].flatMap(folder =>
    readdirSync(join(root, folder), { withFileTypes: true })
      .filter(file => file.isFile() && !/\.[jt]s$/.test(file.name))
      .map(file => join(folder, file.name)),
  );
  const files = [...new Set([...needs.modules, ...data])].map(path =>
    entry(`app/${path}`, readFileSync(join(root, path))),
  );
  const packages = [...installedPackages(needs.packages, lock)].map(([folder, version]) => ({
    target: `app/${folder}`,
    mode: 0o755,
    content: { folder: packageFolder(root, folder), identity: `${folder}@${version}` },
  }));
  // Only what Node reads: a new script or tool leaves the image as it is.
  const { name, version, type } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return [...files, ...packages, entry('app/package.json', Buffer.from(JSON.stringify({ name, version, type })))];
}

function packageFolder(root: string, folder: string): string {
  const path = join(root, folder);
  if (!existsSync(path)) throw new Error(`${folder} is not installed: run npm install`);
  return path;
}

function entry(target: string, content: Buffer, mode = 0o644): ContextEntry {
  return { target, mode, content };
}
