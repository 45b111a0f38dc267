import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { messageOf, SquallError } from '../../harness/errors.ts';
import { type ProgramPlace, type ProgramPlacesOptions, placesOf } from '../../harness/host/programs.ts';

const BINARY = 'toxiproxy-server';
const VERSION_LIMIT_MS = 3_000;
/** What passes through the embedded one is garbage at once: 115 instead of 148 MB with 2,000 connections, at the same CPU time. */
const SMALL_HEAP = '--max-semi-space-size=1';

/** How to start a fault proxy. */
interface FoundToxiproxy {
  readonly command: string;
  readonly args: readonly string[];
  /** `SQUALL_TOXIPROXY`: the user named the binary. */
  readonly source: ProgramPlace['source'] | 'embedded' | 'SQUALL_TOXIPROXY';
  /** As the binary prints it (`git` if built from its module); absent for the embedded one. */
  readonly version?: string;
}

interface FindToxiproxyOptions extends ProgramPlacesOptions {
  /** Where the API listens. */
  readonly host: string;
  readonly port: number;
  /** Decides jitter and toxicity of the embedded proxy; `toxiproxy-server` ignores its `-seed`. */
  readonly seed: number;
}

/**
 * The fault proxy to start: `toxiproxy-server` on PATH, else in `.tools/bin`, else the embedded one. The environment
 * variable `SQUALL_TOXIPROXY` overrides this: `embedded`, or the path of a binary. A binary whose `-version` is not Toxiproxy's
 * is skipped.
 * @throws SquallError `TOXIPROXY_NOT_FOUND` if `SQUALL_TOXIPROXY` names anything but a Toxiproxy server
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
  return {
    command: process.execPath,
    args: [SMALL_HEAP, program, ...flags, '-seed', String(seed)],
    source: 'embedded',
  };
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
