import { createHash } from 'node:crypto';
import { globSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { archiveOf, filesBelow } from '../archive.ts';
import { HOME } from '../layout.ts';
import type { ImageName } from './image-names.ts';
import { installedPackages, type LockFile, needsOf } from './service-files.ts';

/** File of a build context. */
export interface ContextEntry {
  /** Path relative to the context. */
  readonly target: string;
  readonly mode: number;
  readonly content: Buffer;
}

/**
 * Hash of everything that determines an image: `inputs` (base, versions) and `entries`, in any order.
 * @returns 12 hexadecimal digits, a valid tag
 */
export function contentHash(inputs: readonly string[], entries: readonly ContextEntry[]): string {
  const hash = createHash('sha256').update(JSON.stringify(inputs));
  for (const { target, mode, content } of entries.toSorted((a, b) => (a.target < b.target ? -1 : 1)))
    hash.update(JSON.stringify([target, mode, createHash('sha256').update(content).digest('hex')]));
  return hash.digest('hex').slice(0, 12);
}

/** Context of an image: its folder here, the health check, and for `service` the services' programs and packages. */
export function contextOf(name: ImageName | 'base'): ContextEntry[] {
  const folder = 'platform/docker/images';
  const own = readdirSync(join(HOME, folder, name)).map(file => entry(file, read(join(folder, name, file))));
  const health = name === 'base' || name === 'redis' ? [] : [entry('http-ok', read(join(folder, 'http-ok')), 0o755)];
  return [...own, ...health, ...(name === 'service' ? serviceEntries() : [])];
}

/** Context as an archive for the engine. */
export function packContext(entries: readonly ContextEntry[]): Readable {
  const modes = new Map(entries.map(({ target, mode }) => [target, mode]));
  const files = Object.fromEntries(entries.map(({ target, content }) => [target, content]));
  return archiveOf(files, { uid: 0, folderMode: 0o755, modeOf: path => modes.get(path)! });
}

/** Files of the service image: the programs of services and the embedded fault proxy, with all that they import. */
function serviceEntries(): ContextEntry[] {
  // Policies are found by being there, not imported by name.
  const found = globSync(['stack/**/main.ts', 'stack/autoscaler/policies/*.ts'], { cwd: HOME });
  const programs = [...found, 'faults/toxiproxy/server-main.ts'];
  const needs = needsOf(programs, path => `${read(path)}`);
  // Other files beside a module may be read by it: scripts for Redis, templates.
  const data = [...new Set(needs.modules.map(path => dirname(path)))].flatMap(folder =>
    readdirSync(join(HOME, folder), { withFileTypes: true })
      .filter(file => file.isFile() && !/\.[jt]s$/.test(file.name))
      .map(file => join(folder, file.name)),
  );
  const files = [...new Set([...needs.modules, ...data])].map(path => entry(`app/${path}`, read(path)));
  const lock = JSON.parse(`${read('package-lock.json')}`) as LockFile;
  const packages = installedPackages(needs.packages, lock).flatMap(folder =>
    Object.entries(filesBelow(join(HOME, folder))).map(([path, content]) => entry(`app/${folder}/${path}`, content)),
  );
  // Only the fields that Node reads: a new script or tool leaves the image unchanged.
  const { name, version, type } = JSON.parse(`${read('package.json')}`);
  return [...files, ...packages, entry('app/package.json', Buffer.from(JSON.stringify({ name, version, type })))];
}

function entry(target: string, content: Buffer, mode = 0o644): ContextEntry {
  return { target, mode, content };
}

function read(path: string): Buffer {
  return readFileSync(join(HOME, path));
}
