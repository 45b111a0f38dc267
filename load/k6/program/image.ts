import { SquallError } from '../../../harness/errors.ts';
import { findProgram } from '../../../harness/host/programs.ts';
import { engineSocket, findEngine, requireImages } from '../../../platform/docker/engine.ts';

const DEFAULT_IMAGE = 'grafana/k6';

/** An image that has k6, and the command line that runs it. */
export interface K6Image {
  readonly image: string;
  /** Absolute path of `docker`. */
  readonly docker: string;
}

/**
 * The image from which k6 runs where there is no program of that name, on this machine's Docker engine: the one that the
 * environment variable `SQUALL_K6_IMAGE` names, else `grafana/k6`. Nothing is pulled.
 * @throws SquallError `IMAGE_MISSING`, `NO_DOCKER_COMMAND`, or why the engine does not answer; the signal's reason on abort
 */
export async function requireK6Image(env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<K6Image> {
  const image = env.SQUALL_K6_IMAGE || DEFAULT_IMAGE;
  const docker = findProgram('docker', { env })?.command;
  if (docker === undefined)
    throw new SquallError(
      'environment',
      'NO_DOCKER_COMMAND',
      `Expected the command docker on PATH, to run k6 from ${image}`,
      {
        next: 'Install the command line of Docker, or run `npm run tools`, which builds k6 (needs Go).',
      },
    );
  const engine = await findEngine(engineSocket(env), signal);
  const howToGet = `Run \`docker pull ${image}\`, or name another image that has k6 in SQUALL_K6_IMAGE.`;
  await requireImages(engine, [image], howToGet, signal);
  return { image, docker };
}

/** What `docker` is told to reach the engine of this machine, whatever a person's own settings say. @param folder one without any */
export function dockerArgs(env: NodeJS.ProcessEnv, folder: string): string[] {
  return ['--config', folder, '--host', `unix://${engineSocket(env)}`];
}
