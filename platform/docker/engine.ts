import { existsSync } from 'node:fs';
import { Agent } from 'node:http';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type Dockerode from 'dockerode';
import { SquallError } from '../../harness/errors.ts';

/** Longest silence of the engine in answer to a question, in ms. Removing a container takes about one second. */
const QUESTION_LIMIT_MS = 10_000;

/** A Docker engine that answers. */
export interface Engine {
  /** Its socket, absolute. */
  readonly socketPath: string;
  /** For example `28.3.0`. */
  readonly version: string;
  /** CPUs that it may give to containers. */
  readonly cpus: number;
  /** For questions, which it must answer within 10 s. */
  readonly api: Dockerode;
}

/**
 * The socket of this machine's engine: `DOCKER_HOST`, else the usual one, else a rootless or Docker Desktop's. Engines on other
 * machines are deliberately left out: load enters through ports that are published on the loopback interface alone.
 * @throws SquallError `DOCKER_NOT_LOCAL`
 */
export function engineSocket(env: NodeJS.ProcessEnv = process.env): string {
  const usual = '/var/run/docker.sock';
  const named = env.DOCKER_HOST;
  if (named) {
    if (named.startsWith('unix://')) return named.slice('unix://'.length);
    throw new SquallError(
      'environment',
      'DOCKER_NOT_LOCAL',
      `Expected DOCKER_HOST to be a socket of this machine such as unix://${usual}, got "${named}"`,
      { next: 'Unset DOCKER_HOST, or run Squall on the machine of that engine.' },
    );
  }
  const others = [
    ...(env.XDG_RUNTIME_DIR ? [join(env.XDG_RUNTIME_DIR, 'docker.sock')] : []),
    join(homedir(), '.docker/run/docker.sock'),
  ];
  return [usual, ...others].find(path => existsSync(path)) ?? usual;
}

/**
 * The API of an engine, as testcontainers speaks it; each call has a connection of its own. Nothing is sent yet.
 * @param silenceMs an answer that pauses for longer fails; 0 for no limit
 */
export async function engineApi(socketPath: string, silenceMs = QUESTION_LIMIT_MS): Promise<Dockerode> {
  // Half a second to load, which only those pay who use an engine.
  const { default: Docker } = await import('dockerode');
  const options = { socketPath, timeout: silenceMs, agent: new Agent() };
  return new Docker(options);
}

/** What the API's types lack. */
type Informant = Dockerode & {
  info(options: { abortSignal: AbortSignal | undefined }): Promise<{ ServerVersion: string; NCPU: number }>;
};

/**
 * Asks an engine who it is.
 * @throws SquallError `NO_DOCKER_ENGINE`, `DOCKER_FORBIDDEN`, `DOCKER_FAILED`; the signal's reason on abort
 */
export async function findEngine(socketPath: string, signal?: AbortSignal): Promise<Engine> {
  const api = await engineApi(socketPath);
  try {
    const info = await (api as Informant).info({ abortSignal: signal });
    return { socketPath, version: info.ServerVersion, cpus: info.NCPU, api };
  } catch (cause) {
    signal?.throwIfAborted();
    throw engineTrouble(socketPath, cause as NodeJS.ErrnoException);
  }
}

/** What a failed call to the engine means to the person. */
export function engineTrouble(socketPath: string, cause: NodeJS.ErrnoException): SquallError {
  const [code, message, next] =
    cause.code === 'EACCES' || cause.code === 'EPERM'
      ? [
          'DOCKER_FORBIDDEN',
          `This user may not use the Docker engine at ${socketPath}`,
          'Add the user to the group that owns the socket (`usermod -aG docker NAME`, then log in again), or use a rootless engine.',
        ]
      : cause.code === 'ENOENT' || cause.code === 'ECONNREFUSED' || cause.code === 'ENOTSOCK'
        ? [
            'NO_DOCKER_ENGINE',
            `No Docker engine answers at ${socketPath}`,
            'Start the Docker engine (as root on Debian: `node platform/docker/images/engine-main.ts start`), or run without it, as processes.',
          ]
        : [
            'DOCKER_FAILED',
            `The Docker engine at ${socketPath} failed: ${cause.message}`,
            'Look into the log of the Docker engine.',
          ];
  return new SquallError('environment', code!, message!, { cause, next: next! });
}

/**
 * A local image; undefined when there is none by that name. Nothing is pulled.
 * @throws SquallError as {@link findEngine}
 */
export async function findImage({ api, socketPath }: Pick<Engine, 'api' | 'socketPath'>, name: string) {
  return api
    .getImage(name)
    .inspect()
    .catch(cause => {
      if (cause.statusCode === 404) return undefined;
      throw engineTrouble(socketPath, cause);
    });
}

/**
 * The ids of local images, `sha256:…`, by name.
 * @param howToGet one that is missing, as the reader's next step
 * @throws SquallError `IMAGE_MISSING`, and as {@link findEngine}; the signal's reason on abort
 */
export async function requireImages(
  engine: Engine,
  names: readonly string[],
  howToGet: string,
  signal?: AbortSignal,
): Promise<Record<string, string>> {
  const ids: Record<string, string> = {};
  for (const name of names) {
    const image = await findImage(engine, name);
    signal?.throwIfAborted();
    if (image === undefined)
      throw new SquallError('environment', 'IMAGE_MISSING', `The Docker engine has no image ${name}`, {
        next: howToGet,
      });
    ids[name] = image.Id;
  }
  return ids;
}
