import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type Dockerode from 'dockerode';
import { type Engine, engineApi } from '../engine.ts';
import { contentHash, contextOf, packContext } from './build-context.ts';
import { CACHE, debianRoot } from './debian-root.ts';
import { DEFINITIONS, OFFICIAL, SUITE } from './definitions.ts';
import type { ImageName } from './image-names.ts';
import type { Way } from './way.ts';
import { work } from './work.ts';

/** What decides the base of `name`, whichever way it is made. Images with the same packages share one. */
export function baseHash(name: ImageName): string {
  return contentHash([SUITE, process.arch, packagesOf(name)], contextOf('base'));
}

/** Tag of the base of `name`: Debian with its packages. */
export function baseTag(name: ImageName, way: Way): string {
  return `squall/base:${way}-${baseHash(name)}`;
}

/** Whether every base is on the engine or in the cache, so that nothing need be downloaded for them. */
export async function basesAtHand(way: Way, engine: Engine): Promise<boolean> {
  return existsSync(cacheFile(way)) || (await absentBases(way, engine)).length === 0;
}

/**
 * Brings every base onto the engine: out of the cache, else made and then kept there, as packages are what takes long.
 * @throws SquallError `IMAGE_BUILD_FAILED` or `IMAGE_DISK_FULL`
 */
export async function ensureBases(
  way: Way,
  engine: Engine,
  progress: (line: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  if ((await absentBases(way, engine)).length === 0) return;
  if (existsSync(cacheFile(way))) {
    progress('bases: loading them from the cache');
    await work(
      'Loading the bases',
      engine,
      (api, abortSignal) => api.loadImage(cacheFile(way), { abortSignal }),
      signal,
    );
  }
  const absent = await absentBases(way, engine);
  if (absent.length === 0) return;
  const debian = way === 'registry' ? OFFICIAL.debian : await debianRoot(engine, progress, signal);
  for (const name of absent) {
    progress(`base of ${name}: installing ${packagesOf(name)}`);
    const settings = { t: baseTag(name, way), buildargs: { DEBIAN: debian, PACKAGES: packagesOf(name) } };
    await work(
      `Installing ${packagesOf(name)}`,
      engine,
      (api, abortSignal) => api.buildImage(packContext(contextOf('base')), { ...settings, abortSignal }),
      signal,
    );
  }
  await keep(way, engine, signal);
}

/** One image's name for each base that the engine lacks. */
async function absentBases(way: Way, { api }: Engine): Promise<ImageName[]> {
  const byTag = new Map(names().map(name => [baseTag(name, way), name]));
  const found = await api.listImages({ filters: { reference: ['squall/base'] } });
  for (const tag of found.flatMap(({ RepoTags }) => RepoTags ?? [])) byTag.delete(tag);
  return [...byTag.values()];
}

/** What the API's types lack. */
type Saver = Dockerode & { getImages(options: { names: string[] }): Promise<NodeJS.ReadableStream> };

/** Writes all bases into one file, in which they share Debian, and drops files of earlier bases. */
async function keep(way: Way, { socketPath }: Engine, signal: AbortSignal | undefined): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  const part = `${cacheFile(way)}.${process.pid}`;
  try {
    const tags = [...new Set(names().map(name => baseTag(name, way)))];
    const api = (await engineApi(socketPath, 0)) as Saver;
    const saved = await api.getImages({ names: tags });
    await pipeline(saved, createWriteStream(part), { ...(signal && { signal }) });
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
