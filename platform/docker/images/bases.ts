import { createWriteStream, existsSync } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type Dockerode from 'dockerode';
import { freshPath, removeUnfinished } from '../../../harness/input/fresh-file.ts';
import { type Engine, engineApi } from '../engine.ts';
import { contentHash, contextOf } from './build-context.ts';
import { debianRoot, imageCache } from './debian-root.ts';
import { DEFINITIONS, OFFICIAL, SUITE } from './definitions.ts';
import type { ImageName } from './image-names.ts';
import type { ImageSource } from './image-source.ts';
import { buildImage, work } from './work.ts';

const NAMES = Object.keys(DEFINITIONS) as ImageName[];

/** Content hash of the base of `name`, for any source. Images with the same packages share a base. */
export function baseHash(name: ImageName): string {
  return contentHash([SUITE, process.arch, packagesOf(name)], contextOf('base'));
}

/** Tag of the base of `name`: Debian with its packages. */
export function baseTag(name: ImageName, source: ImageSource): string {
  return `squall/base:${source}-${baseHash(name)}`;
}

/** Whether every base is on the engine or in the cache, so that none needs a download. */
export async function basesAtHand(source: ImageSource, engine: Engine): Promise<boolean> {
  return existsSync(cacheFile(source)) || (await missingBases(source, engine)).length === 0;
}

/**
 * Brings every base onto the engine, from the cache, or by a build whose result is cached, since installing packages is slow.
 * @throws SquallError `IMAGE_BUILD_FAILED` or `IMAGE_DISK_FULL`
 */
export async function ensureBases(
  source: ImageSource,
  engine: Engine,
  progress: (line: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  let missing = await missingBases(source, engine);
  if (missing.length > 0 && existsSync(cacheFile(source))) {
    progress('bases: loading them from the cache');
    const load = (api: Dockerode, abortSignal: AbortSignal) => api.loadImage(cacheFile(source), { abortSignal });
    await work('Loading the bases', engine, load, signal);
    missing = await missingBases(source, engine);
  }
  if (missing.length === 0) return;
  const debian = source === 'registry' ? OFFICIAL.debian : await debianRoot(engine, progress, signal);
  for (const name of missing) {
    progress(`base of ${name}: installing ${packagesOf(name)}`);
    const buildargs = { DEBIAN: debian, PACKAGES: packagesOf(name) };
    await buildImage(contextOf('base'), { t: baseTag(name, source), buildargs }, engine, signal);
  }
  await saveBases(source, engine, signal);
}

/** One image's name for each base missing on the engine. */
async function missingBases(source: ImageSource, { api }: Engine): Promise<ImageName[]> {
  const byTag = new Map(NAMES.map(name => [baseTag(name, source), name]));
  const found = await api.listImages({ filters: { reference: ['squall/base'] } });
  for (const tag of found.flatMap(({ RepoTags }) => RepoTags ?? [])) byTag.delete(tag);
  return [...byTag.values()];
}

/** Missing in the API's types. */
type DockerodeWithSave = Dockerode & { getImages(options: { names: string[] }): Promise<NodeJS.ReadableStream> };

/** Saves all bases to one file, where they share Debian, and deletes files of earlier bases. */
async function saveBases(source: ImageSource, { socketPath }: Engine, signal: AbortSignal | undefined): Promise<void> {
  const part = freshPath(cacheFile(source));
  try {
    const api = (await engineApi(socketPath, 0)) as DockerodeWithSave;
    const saved = await api.getImages({ names: [...new Set(NAMES.map(name => baseTag(name, source)))] });
    await pipeline(saved, createWriteStream(part), { ...(signal && { signal }) });
    await rename(part, cacheFile(source));
  } finally {
    await rm(part, { force: true });
    removeUnfinished(imageCache());
  }
  const cache = imageCache();
  for (const file of await readdir(cache))
    if (file.startsWith(`bases-${source}-`) && file.endsWith('.tar') && join(cache, file) !== cacheFile(source))
      await rm(join(cache, file), { force: true });
}

function cacheFile(source: ImageSource): string {
  return join(imageCache(), `bases-${source}-${contentHash(NAMES.map(baseHash), [])}.tar`);
}

function packagesOf(name: ImageName): string {
  return DEFINITIONS[name].packages.join(' ');
}
