import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import { IMAGE_UID } from './images/image-names.ts';

/** Files by relative path; a path that ends in `/` is a folder. */
export type Files = Readonly<Record<string, string | Buffer>>;

/** Readable and writable only by the user of the images. */
const PRIVATE = { uid: IMAGE_UID, folderMode: 0o700, modeOf: (_path: string) => 0o600 };

/** Archive (tar) of files and their folders. */
export function archiveOf(files: Files, { uid, folderMode, modeOf } = PRIVATE): Readable {
  const archive = pack();
  const owner = { uid, gid: uid };
  for (const folder of new Set(Object.keys(files).flatMap(foldersOf)))
    archive.entry({ name: `${folder}/`, type: 'directory', mode: folderMode, ...owner });
  for (const [name, content] of Object.entries(files))
    if (!name.endsWith('/')) archive.entry({ name, mode: modeOf(name), ...owner }, content);
  archive.finalize();
  return Readable.from(archive);
}

/** All files below a folder on this machine. */
export function filesBelow(folder: string): Readonly<Record<string, Buffer>> {
  const found = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile());
  const paths = found.map(({ parentPath, name }) => join(parentPath, name));
  return Object.fromEntries(paths.map(path => [path.slice(folder.length + 1), readFileSync(path)]));
}

/** The same files below `folder`, which exists even without files. */
export function below(folder: string, files: Files): Files {
  const moved = Object.entries(files).map(([path, content]) => [`${folder}/${path}`, content]);
  return { [`${folder}/`]: '', ...Object.fromEntries(moved) };
}

/** `a/b/c` → `a`, `a/b`; `a/b/` → `a`, `a/b`. */
function foldersOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}
