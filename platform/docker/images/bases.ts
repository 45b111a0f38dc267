import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { contentHash, contextOf, writeContext } from './build-context.ts';
import { CACHE, debianRoot } from './debian-root.ts';
import { DEFINITIONS, OFFICIAL, SUITE } from './definitions.ts';
import { askDocker, workDocker } from './docker-cli.ts';
import type { ImageName } from './image-names.ts';
import type { Way } from './way.ts';

/** What decides the base of `name`, whichever way it is made. Images with the same packages share one. */
export function baseHash(name: ImageName): string {
  return contentHash([SUITE, process.arch, packagesOf(name)], contextOf('base'));
}

/** Tag of the base of `name`: Debian with its packages. */
export function baseTag(name: ImageName, way: Way): string {
  return `squall/base:${way}-${baseHash(name)}`;
}

/** Whether every base is on the engine or in the cache, so that nothing need be downloaded for them. */
export async function basesAtHand(way: Way, signal?: AbortSignal): Promise<boolean> {
  return existsSync(cacheFile(way)) || (await absentBases(way, signal)).length === 0;
}

/**
 * Brings every base onto the engine: out of the cache, else made and then kept there, as packages are what takes long.
 * @throws SquallError `IMAGE_BUILD_FAILED` or `IMAGE_DISK_FULL`
 */
export async function ensureBases(way: Way, progress: (line: string) => void, signal?: AbortSignal): Promise<void> {
  if ((await absentBases(way, signal)).length === 0) return;
  if (existsSync(cacheFile(way))) {
    progress('bases: loading them from the cache');
    await workDocker('Loading the bases', ['load', '-q', '-i', cacheFile(way)], signal);
  }
  const absent = await absentBases(way, signal);
  if (absent.length === 0) return;
  const debian = way === 'registry' ? OFFICIAL.debian : await debianRoot(progress, signal);
  const folder = await mkdtemp(join(tmpdir(), 'squall-base-'));
  try {
    writeContext(contextOf('base'), folder);
    for (const name of absent) {
      progress(`base of ${name}: installing ${packagesOf(name)}`);
      const settings = ['--build-arg', `DEBIAN=${debian}`, '--build-arg', `PACKAGES=${packagesOf(name)}`];
      await workDocker(
        `Installing ${packagesOf(name)}`,
        ['build', '-t', baseTag(name, way), ...settings, folder],
        signal,
      );
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  await keep(way, signal);
}

/** One image's name for each base that the engine lacks. */
async function absentBases(way: Way, signal: AbortSignal | undefined): Promise<ImageName[]> {
  const byTag = new Map(names().map(name => [baseTag(name, way), name]));
  const there = await askDocker(['images', '--format', '{{.Repository}}:{{.Tag}}', 'squall/base'], signal);
  for (const tag of there.stdout.split('\n')) byTag.delete(tag);
  return [...byTag.values()];
}

/** Writes all bases into one file, in which they share Debian, and drops files of earlier bases. */
async function keep(way: Way, signal: AbortSignal | undefined): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  const part = `${cacheFile(way)}.${process.pid}`;
  try {
    await workDocker(
      'Keeping the bases',
      ['save', '-o', part, ...new Set(names().map(name => baseTag(name, way)))],
      signal,
    );
    await rename(part, cacheFile(way));
  } finally {
    await rm(part, { force: true });
  }
  for (const file of await readdir(CACHE))
    if (file.startsWith(`bases-${way}-`) && file.endsWith('.tar') && join(CACHE, file) !== cacheFile(way))
      await rm(join(CACHE, file), { force: true });
}

function cacheFile(way: Way): string {
  return join(CACHE, `bases-${way}-${contentHash(names().map(baseHash), [])}.tar`);
}

function packagesOf(name: ImageName): string {
  return DEFINITIONS[name].packages.join(' ');
}

function names(): ImageName[] {
  return Object.keys(DEFINITIONS) as ImageName[];
}
