import { type Engine, findImage } from './engine.ts';

/** The reaper of the testcontainers version that is pinned in package.json. */
const RYUK_IMAGE = 'testcontainers/ryuk:0.14.0';

/**
 * Tells testcontainers, which is configured by environment variables alone, to use this engine and to publish where we look.
 * Its reaper Ryuk is used only where its image is present, for nothing is pulled; our watchdog cleans up with it or without.
 */
export async function prepareTestcontainers(engine: Engine, env: NodeJS.ProcessEnv = process.env): Promise<void> {
  env.DOCKER_HOST ??= `unix://${engine.socketPath}`;
  env.TESTCONTAINERS_HOST_OVERRIDE ??= '127.0.0.1';
  if (env.TESTCONTAINERS_RYUK_DISABLED !== undefined) return;
  const hasRyuk = (await findImage(engine, env.RYUK_CONTAINER_IMAGE ?? RYUK_IMAGE)) !== undefined;
  if (!hasRyuk) env.TESTCONTAINERS_RYUK_DISABLED = 'true';
}
