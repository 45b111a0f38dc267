import { execFile } from 'node:child_process';
import { SquallError } from '../harness/errors.ts';
import { findProgram, type ProgramPlace } from '../harness/host/programs.ts';

const VERSION_LIMIT_MS = 3000;

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

/** What to do on a machine where a tool is missing. */
export function adviceOn(tool: ToolName): string {
  return TOOLS[tool].next;
}

/** The tool on this machine. @throws SquallError `TOOL_NOT_FOUND` with what to do about it */
export function requireTool(tool: ToolName, env: NodeJS.ProcessEnv = process.env): ProgramPlace {
  const found = findProgram(tool, { env });
  if (found) return found;
  const message = `Expected ${tool} on PATH or in .tools/bin, for this stack runs it, and found none`;
  throw new SquallError('environment', 'TOOL_NOT_FOUND', message, { next: TOOLS[tool].next });
}

/** What a tool says its version is, such as `7.0.15`; `unknown` when it says nothing of the kind within 3 s. */
export function toolVersion(tool: ToolName, { command }: ProgramPlace, signal?: AbortSignal): Promise<string> {
  const limits = { timeout: VERSION_LIMIT_MS, ...(signal ? { signal } : {}) };
  return new Promise(resolve => {
    execFile(command, TOOLS[tool].versionArgs, limits, (_error, stdout, stderr) =>
      resolve(/\d+(?:\.\d+)+/.exec(`${stdout}\n${stderr}`)?.[0] ?? 'unknown'),
    );
  });
}
