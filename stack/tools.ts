import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { SquallError } from '../harness/errors.ts';

const VERSION_LIMIT_MS = 3000;
/** Not on the PATH of everybody. */
const SYSTEM_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin'];
const TOOLS_DIRECTORY = join(import.meta.dirname, '../.tools/bin');

/** Programs that are not ours and that a replica may run: how to ask each for its version, and how to come by it. */
const TOOLS = {
  'redis-server': {
    versionArgs: ['--version'],
    next: 'Install Redis 7 or newer (Debian: apt-get install redis-server), or put redis-server into .tools/bin.',
  },
  nginx: {
    versionArgs: ['-v'],
    next: 'Install nginx 1.22 or newer (Debian: apt-get install nginx-light libnginx-mod-http-modsecurity modsecurity-crs).',
  },
  prometheus: {
    versionArgs: ['--version'],
    next: 'Install Prometheus 2.42 or newer (Debian: apt-get install prometheus), or put it into .tools/bin.',
  },
} as const satisfies Readonly<Record<string, { readonly versionArgs: readonly string[]; readonly next: string }>>;

/** Name of a program that is not ours. */
export type ToolName = keyof typeof TOOLS;

/** A tool as found on this machine. */
export interface FoundTool {
  readonly command: string;
  readonly source: 'PATH' | '.tools/bin';
}

/** What to do on a machine where a tool is missing. */
export function adviceOn(tool: ToolName): string {
  return TOOLS[tool].next;
}

/**
 * Looks for a tool on PATH, then in `.tools/bin` of this checkout.
 * @param env its `PATH` is read. @default process.env
 */
export function findTool(tool: ToolName, env: NodeJS.ProcessEnv = process.env): FoundTool | undefined {
  const onPath = (env.PATH ?? '').split(delimiter).filter(directory => directory !== '');
  const candidates = [
    ...[...onPath, ...(env.PATH ? SYSTEM_FOLDERS : [])].map(directory => ({
      command: join(directory, tool),
      source: 'PATH' as const,
    })),
    { command: join(TOOLS_DIRECTORY, tool), source: '.tools/bin' as const },
  ];
  return candidates.find(({ command }) => isProgram(command));
}

/** {@link findTool}. @throws SquallError `TOOL_NOT_FOUND` with what to do about it */
export function requireTool(tool: ToolName, env?: NodeJS.ProcessEnv): FoundTool {
  const found = findTool(tool, env);
  if (found) return found;
  const message = `Expected ${tool} on PATH or in .tools/bin, for this stack runs it, and found none`;
  throw new SquallError('environment', 'TOOL_NOT_FOUND', message, { next: TOOLS[tool].next });
}

/** What a tool says its version is, such as `7.0.15`; `unknown` when it says nothing of the kind within 3 s. */
export function toolVersion(tool: ToolName, { command }: FoundTool, signal?: AbortSignal): Promise<string> {
  const limits = { timeout: VERSION_LIMIT_MS, ...(signal ? { signal } : {}) };
  return new Promise(resolve => {
    execFile(command, TOOLS[tool].versionArgs, limits, (_error, stdout, stderr) =>
      resolve(/\d+(?:\.\d+)+/.exec(`${stdout}\n${stderr}`)?.[0] ?? 'unknown'),
    );
  });
}

/** Whether a path is a file that this process may run. */
export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
