import { existsSync } from 'node:fs';
import { request } from 'node:http';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { SquallError } from '../../harness/errors.ts';

/** Longest wait for one answer of the engine, in ms. Removing a container takes about one second. */
const ANSWER_LIMIT_MS = 10_000;
const HTTP_OK_BELOW = 400;

/** A Docker engine that answers. */
export interface Engine {
  /** Its socket, absolute. */
  readonly socketPath: string;
  /** For example `28.3.0`. */
  readonly version: string;
  /** CPUs that it may give to containers. */
  readonly cpus: number;
}

interface EngineInfo {
  readonly ServerVersion: string;
  readonly NCPU: number;
}

/** Bounds of one call. */
export interface EngineCall {
  readonly method?: 'GET' | 'DELETE';
  readonly signal?: AbortSignal;
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
 * Asks an engine who it is.
 * @throws SquallError `NO_DOCKER_ENGINE`, `DOCKER_FORBIDDEN`, `DOCKER_FAILED`; the signal's reason on abort
 */
export async function findEngine(socketPath: string, signal?: AbortSignal): Promise<Engine> {
  try {
    const info = (await callEngine(socketPath, '/info', signal ? { signal } : {})) as EngineInfo;
    return { socketPath, version: info.ServerVersion, cpus: info.NCPU };
  } catch (cause) {
    signal?.throwIfAborted();
    throw engineTrouble(socketPath, cause as NodeJS.ErrnoException);
  }
}

/** What a failed call to the engine means to the person. */
export function engineTrouble(socketPath: string, cause: NodeJS.ErrnoException): SquallError {
  if (cause.code === 'EACCES' || cause.code === 'EPERM')
    return new SquallError(
      'environment',
      'DOCKER_FORBIDDEN',
      `This user may not use the Docker engine at ${socketPath}`,
      {
        cause,
        next: 'Add the user to the group that owns the socket (`usermod -aG docker NAME`, then log in again), or use a rootless engine.',
      },
    );
  const isMissing = cause.code === 'ENOENT' || cause.code === 'ECONNREFUSED' || cause.code === 'ENOTSOCK';
  return new SquallError(
    'environment',
    isMissing ? 'NO_DOCKER_ENGINE' : 'DOCKER_FAILED',
    isMissing
      ? `No Docker engine answers at ${socketPath}`
      : `The Docker engine at ${socketPath} failed: ${cause.message}`,
    { cause, next: 'Start the Docker engine, or leave `--platform docker` away to run the stack as processes.' },
  );
}

/**
 * The id of a local image, `sha256:…`; undefined when there is none by that name. Nothing is pulled.
 * @throws Error as {@link callEngine}
 */
export async function imageId(engine: Engine, name: string, signal?: AbortSignal): Promise<string | undefined> {
  const found = await callEngine(engine.socketPath, `/images/${name}/json`, signal ? { signal } : {}).catch(error => {
    if ((error as EngineError).status === 404) return undefined;
    throw error;
  });
  return (found as { Id: string } | undefined)?.Id;
}

/** The engine said no. */
export class EngineError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * One request to the engine's HTTP API, on Node alone, so that a watchdog can make it without loading anything.
 * @returns the JSON of its answer, undefined for none
 * @throws EngineError when it refuses; an Error with a `code` when it cannot be reached; the signal's reason on abort
 */
export async function callEngine(socketPath: string, path: string, call: EngineCall = {}): Promise<unknown> {
  const { method = 'GET', signal } = call;
  const limit = AbortSignal.timeout(ANSWER_LIMIT_MS);
  const limited = signal ? AbortSignal.any([signal, limit]) : limit;
  const { status, text } = await new Promise<{ status: number; text: string }>((resolve, reject) => {
    request({ socketPath, path, method, agent: false, signal: limited }, response => {
      let body = '';
      response
        .setEncoding('utf8')
        .on('data', chunk => {
          body += chunk;
        })
        .on('end', () => resolve({ status: response.statusCode ?? 0, text: body }))
        .on('error', reject);
    })
      .on('error', reject)
      .end();
  });
  const json = text === '' ? undefined : JSON.parse(text);
  if (status >= HTTP_OK_BELOW) throw new EngineError(status, json?.message ?? `status ${status}`);
  return json;
}
