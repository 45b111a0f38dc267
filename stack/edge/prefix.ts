import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { SquallError } from '../../harness/errors.ts';
import type { EdgeInstallation } from './installation.ts';
import { EDGE_FOLDERS, EDGE_PATHS } from './render.ts';

const CHECK_LIMIT_MS = 20_000;

/** How to start nginx on a prefix. It stays in the foreground; SIGQUIT drains it, SIGTERM ends it at once. */
export interface EdgeCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** Has to be the working directory: ModSecurity takes its paths from there. */
  readonly directory: string;
}

/** The command that serves from `prefix`, an absolute path. */
export function edgeCommand({ command }: Pick<EdgeInstallation, 'command'>, prefix: string): EdgeCommand {
  return { command, args: edgeArguments(prefix), directory: prefix };
}

/** The arguments of nginx for `prefix`, which has to be the working directory too. */
export function edgeArguments(prefix: string): readonly string[] {
  return ['-p', prefix, '-c', 'nginx.conf', '-e', EDGE_PATHS.errorLog];
}

/** Writes what `renderEdge` rendered below `prefix`, and makes the folders that nginx writes to. */
export async function layPrefix(prefix: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const folder of EDGE_FOLDERS) await mkdir(join(prefix, folder), { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(prefix, path)), { recursive: true });
    await writeFile(join(prefix, path), content);
  }
}

/**
 * Has nginx check a prefix without serving (`nginx -t`), for 20 s at most. Certificates must be there already.
 * @returns what nginx remarked
 * @throws SquallError `BAD_EDGE_CONFIG` with nginx's own words
 */
export async function checkPrefix(
  installation: EdgeInstallation,
  prefix: string,
  signal?: AbortSignal,
): Promise<string> {
  const { command, args, directory } = edgeCommand(installation, prefix);
  try {
    const options = { cwd: directory, timeout: CHECK_LIMIT_MS, ...(signal && { signal }) };
    const { stderr } = await promisify(execFile)(command, ['-t', ...args], options);
    return stderr;
  } catch (cause) {
    signal?.throwIfAborted();
    const { stderr = '' } = cause as { stderr?: string };
    const complaint = stderr.split('\n').find(line => line.includes('[emerg]')) ?? stderr;
    throw new SquallError('stack', 'BAD_EDGE_CONFIG', `nginx refuses its configuration: ${complaint.trim()}`, {
      cause,
      next: `Look at nginx.conf below ${prefix}.`,
    });
  }
}
