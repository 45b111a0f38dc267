import { existsSync } from 'node:fs';
import { Agent } from 'node:http';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type Dockerode from 'dockerode';
import { SquallError } from '../../harness/errors.ts';

/** Idle timeout of a call to the engine, in ms. Removing a container takes about one second. */
const CALL_LIMIT_MS = 10_000;
/** Image of Ryuk, the resource reaper of the testcontainers version pinned in package.json. */
const RYUK_IMAGE = 'testcontainers/ryuk:0.14.0';

/** A reachable Docker engine. */
export interface Engine {
  /** Absolute path of its socket. */
  readonly socketPath: string;
  /** For example `28.3.0`. */
  readonly version: string;
  /** CPUs available to containers. */
  readonly cpus: number;
  /** API with an idle timeout of 10 s. */
  readonly api: Dockerode;
}

/**
 * Socket of this machine's engine: `DOCKER_HOST`, else the usual one, else that of a rootless engine or Docker Desktop. Engines on
 * other machines are unsupported, since load enters through ports published on the loopback interface only.
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
 * API of an engine, with a connection for each call. Sends nothing yet.
 * @param idleLimitMs idle timeout of a response; 0 for none
 */
export async function engineApi(socketPath: string, idleLimitMs = CALL_LIMIT_MS): Promise<Dockerode> {
  // Takes half a second to load.
  const { default: Docker } = await withDockerPackages(import('dockerode'));
  const options = { socketPath, timeout: idleLimitMs, agent: new Agent() };
  return new Docker(options);
}

/**
 * Loads a module that imports the packages for containers: peers of the package that `npm install` leaves out, since they are large and few
 * users need them.
 * @throws SquallError `DOCKER_PACKAGES_MISSING`
 */
export function withDockerPackages<Module>(loading: Promise<Module>): Promise<Module> {
  return loading.catch(cause => {
    const { code, message } = cause as NodeJS.ErrnoException;
    const missing = /'(testcontainers|dockerode|tar-stream)'/.exec(message)?.[1];
    if (code !== 'ERR_MODULE_NOT_FOUND' || missing === undefined) throw cause;
    const expected = 'Expected testcontainers, dockerode and tar-stream to be installed for containers';
    throw new SquallError('environment', 'DOCKER_PACKAGES_MISSING', `${expected}, found no ${missing}`, {
      cause,
      next: 'Run `npm install testcontainers@12 dockerode@5 tar-stream@3`, or run the stack as processes.',
    });
  });
}

/** Missing in the API's types. */
type DockerodeWithInfo = Dockerode & {
  info(options: { abortSignal: AbortSignal | undefined }): Promise<{ ServerVersion: string; NCPU: number }>;
};

/**
 * Connects to an engine.
 * @throws SquallError `NO_DOCKER_ENGINE`, `DOCKER_FORBIDDEN`, `DOCKER_FAILED`; the signal's reason on abort
 */
export async function findEngine(socketPath: string, signal?: AbortSignal): Promise<Engine> {
  const api = await engineApi(socketPath);
  try {
    const info = await (api as DockerodeWithInfo).info({ abortSignal: signal });
    return { socketPath, version: info.ServerVersion, cpus: info.NCPU, api };
  } catch (cause) {
    signal?.throwIfAborted();
    throw engineError(socketPath, cause as NodeJS.ErrnoException);
  }
}

/** Error for a failed call to the engine. */
export function engineError(socketPath: string, cause: NodeJS.ErrnoException): SquallError {
  const [code, message, next] =
    cause.code === 'EACCES' || cause.code === 'EPERM'
      ? [
          'DOCKER_FORBIDDEN',
          `This user is not allowed to use the Docker engine at ${socketPath}`,
          'Add the user to the group that owns the socket (`usermod -aG docker NAME`, then log in again), or use a rootless engine.',
        ]
      : cause.code === 'ENOENT' || cause.code === 'ECONNREFUSED' || cause.code === 'ENOTSOCK'
        ? [
            'NO_DOCKER_ENGINE',
            `No Docker engine is running at ${socketPath}`,
            'Start the Docker engine (as root on Debian, in a checkout: `node platform/docker/images/engine-main.ts start`), or run without it, as processes.',
          ]
        : [
            'DOCKER_FAILED',
            `The Docker engine at ${socketPath} failed: ${cause.message}`,
            'Check the log of the Docker engine.',
          ];
  return new SquallError('environment', code!, message!, { cause, next: next! });
}

/**
 * Local image by name; undefined if missing. Nothing is pulled.
 * @throws SquallError as {@link findEngine}
 */
export async function findImage({ api, socketPath }: Pick<Engine, 'api' | 'socketPath'>, name: string) {
  return api
    .getImage(name)
    .inspect()
    .catch(cause => {
      if (cause.statusCode === 404) return undefined;
      throw engineError(socketPath, cause);
    });
}

/**
 * Ids of local images, `sha256:…`, by name.
 * @param howToGet next step for a missing image
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

/**
 * Configures testcontainers, by its environment variables, to use this engine and to publish on 127.0.0.1. Its reaper Ryuk is used only
 * where its image is present, since nothing is pulled; the watchdog cleans up with or without it.
 */
export async function configureTestcontainers(engine: Engine, env: NodeJS.ProcessEnv = process.env): Promise<void> {
  env.DOCKER_HOST ??= `unix://${engine.socketPath}`;
  env.TESTCONTAINERS_HOST_OVERRIDE ??= '127.0.0.1';
  if (env.TESTCONTAINERS_RYUK_DISABLED !== undefined) return;
  const hasRyuk = (await findImage(engine, env.RYUK_CONTAINER_IMAGE ?? RYUK_IMAGE)) !== undefined;
  if (!hasRyuk) env.TESTCONTAINERS_RYUK_DISABLED = 'true';
}
