import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { messageOf, SquallError } from '../../harness/errors.ts';
import { type ProgramPlace, type ProgramPlacesOptions, placesOf } from '../../harness/host/programs.ts';

const BINARY = 'toxiproxy-server';
const VERSION_LIMIT_MS = 3_000;

/** How to start a fault proxy. `SQUALL_TOXIPROXY` as a source means that the person named the binary. */
export interface FoundToxiproxy {
  readonly command: string;
  readonly args: readonly string[];
  readonly source: ProgramPlace['source'] | 'embedded' | 'SQUALL_TOXIPROXY';
  /** What the binary says of itself (`git` when built from its module); absent for the embedded one. */
  readonly version?: string;
}

/**
 * Where the API should listen, what decides jitter and toxicity (of the embedded proxy alone: `toxiproxy-server` draws its own, whatever
 * its `-seed` is) and, for tests, where to look; `SQUALL_TOXIPROXY`
 * of its `env` is read, too.
 */
export interface FindToxiproxyOptions extends ProgramPlacesOptions {
  readonly host: string;
  readonly port: number;
  readonly seed: number;
}

/**
 * The fault proxy to start: `toxiproxy-server` on PATH, else in `.tools/bin`, else the embedded one. The environment
 * variable `SQUALL_TOXIPROXY` decides instead: `embedded`, or the path of a binary. A file of that name that does not
 * answer `-version` as Toxiproxy does is passed over.
 * @throws SquallError `TOXIPROXY_NOT_FOUND` when `SQUALL_TOXIPROXY` names something else than a Toxiproxy server
 */
export async function findToxiproxy(options: FindToxiproxyOptions, signal?: AbortSignal): Promise<FoundToxiproxy> {
  const { host, port, seed, env = process.env } = options;
  const flags = ['-host', host, '-port', String(port)];
  const wanted = env.SQUALL_TOXIPROXY;
  if (wanted && wanted !== 'embedded') {
    const version = await readVersion(wanted, signal).catch(cause => {
      throw notFound(wanted, cause);
    });
    return { command: wanted, args: flags, source: 'SQUALL_TOXIPROXY', version };
  }
  const places = wanted === 'embedded' ? [] : placesOf(BINARY, options);
  for (const { command, source } of places) {
    const version = await readVersion(command, signal).catch(() => undefined);
    signal?.throwIfAborted();
    if (version !== undefined) return { command, args: flags, source, version };
  }
  const program = join(import.meta.dirname, `server-main${extname(import.meta.filename)}`);
  return { command: process.execPath, args: [program, ...flags, '-seed', String(seed)], source: 'embedded' };
}

async function readVersion(command: string, signal?: AbortSignal): Promise<string> {
  await access(command, constants.X_OK);
  const output = await new Promise<string>((resolve, reject) => {
    const limits = { timeout: VERSION_LIMIT_MS, ...(signal ? { signal } : {}) };
    execFile(command, ['-version'], limits, (error, stdout) => (error ? reject(error) : resolve(stdout)));
  });
  const version = /^toxiproxy-server version (\S+)/.exec(output)?.[1];
  if (version === undefined) throw new Error(`expected "toxiproxy-server version …", got ${JSON.stringify(output)}`);
  return version;
}

function notFound(wanted: string, cause: unknown): SquallError {
  const message = `Expected SQUALL_TOXIPROXY to be "embedded" or a Toxiproxy server, got ${wanted}: ${messageOf(cause)}`;
  return new SquallError('environment', 'TOXIPROXY_NOT_FOUND', message, {
    cause,
    next: 'Correct SQUALL_TOXIPROXY, or unset it to use whatever is installed.',
  });
}
