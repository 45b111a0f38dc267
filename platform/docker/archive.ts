import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import { IMAGE_UID } from './images/image-names.ts';

/**
 * A replica's files as an archive to be unpacked at `/` of its container: its directory and all below belongs to the user of the
 * images, who may write there, and is closed to everybody else.
 * @param directory absolute
 * @param files by path below it; one that ends in `/` is a folder
 */
export function archiveOf(directory: string, files: Readonly<Record<string, string>>): Readable {
  const archive = pack();
  const owner = { uid: IMAGE_UID, gid: IMAGE_UID };
  const folders = new Set([
    directory,
    ...Object.keys(files).flatMap(path => foldersOf(path).map(folder => `${directory}/${folder}`)),
  ]);
  for (const folder of folders)
    archive.entry({ name: `${folder.slice(1)}/`, type: 'directory', mode: 0o700, ...owner });
  for (const [path, text] of Object.entries(files))
    if (!path.endsWith('/')) archive.entry({ name: `${directory}/${path}`.slice(1), mode: 0o600, ...owner }, text);
  archive.finalize();
  return Readable.from(archive);
}

/** `a/b/c` → `a`, `a/b`; `a/b/` → `a`, `a/b`. */
function foldersOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}
