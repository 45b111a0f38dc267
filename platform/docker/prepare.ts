import { SquallError } from '../../harness/errors.ts';
import { type Engine, imageId } from './engine.ts';

/** The reaper of the testcontainers version that is pinned in package.json. */
const RYUK_IMAGE = 'testcontainers/ryuk:0.14.0';

/**
 * Checks that images are there, by tag, so that nothing is pulled.
 * @returns their ids, by tag
 * @throws SquallError `IMAGE_MISSING`
 */
export async function checkImages(
  engine: Engine,
  images: readonly string[],
  signal?: AbortSignal,
): Promise<Record<string, string>> {
  const ids: Record<string, string> = {};
  for (const image of images) {
    const id = await imageId(engine, image, signal);
    if (id === undefined)
      throw new SquallError('environment', 'IMAGE_MISSING', `The Docker engine has no image ${image}`, {
        next: 'Run `npm run images`.',
      });
    ids[image] = id;
  }
  return ids;
}

/**
 * Tells testcontainers, which is configured by environment variables alone, to use this engine and to publish where we look.
 * Its reaper Ryuk is used only where its image is present, for nothing is pulled; our watchdog cleans up with it or without.
 */
export async function prepareTestcontainers(engine: Engine, env: NodeJS.ProcessEnv = process.env): Promise<void> {
  env.DOCKER_HOST ??= `unix://${engine.socketPath}`;
  env.TESTCONTAINERS_HOST_OVERRIDE ??= '127.0.0.1';
  if (env.TESTCONTAINERS_RYUK_DISABLED !== undefined) return;
  const hasRyuk = (await imageId(engine, env.RYUK_CONTAINER_IMAGE ?? RYUK_IMAGE)) !== undefined;
  if (!hasRyuk) env.TESTCONTAINERS_RYUK_DISABLED = 'true';
}
