import { execFile } from 'node:child_process';
import { SquallError } from '../harness/errors.ts';
import { findProgram, type ProgramPlace } from '../harness/host/programs.ts';

const VERSION_TIMEOUT_MS = 3000;

/** External programs that replicas may run, with installation advice. */
const TOOLS = {
  'redis-server':
    'Install Redis 7 or newer (Debian: apt-get install redis-server), or put redis-server into .tools/bin.',
  nginx:
    'Install nginx 1.22 or newer (Debian: apt-get install nginx-light libnginx-mod-http-modsecurity modsecurity-crs).',
  prometheus: 'Install Prometheus 2.42 or newer (Debian: apt-get install prometheus), or put it into .tools/bin.',
} as const;

/** Name of an external program. */
export type ToolName = keyof typeof TOOLS;

/** Advice for installing a missing tool. */
export function adviceOn(tool: ToolName): string {
  return TOOLS[tool];
}

/** Finds a tool on this machine. @throws SquallError `TOOL_NOT_FOUND` with installation advice */
export function requireTool(tool: ToolName, env: NodeJS.ProcessEnv = process.env): ProgramPlace {
  const found = findProgram(tool, { env });
  if (found) return found;
  const message = `Expected ${tool} on PATH or in .tools/bin, as required by this stack, but did not find it`;
  throw new SquallError('environment', 'TOOL_NOT_FOUND', message, { next: TOOLS[tool] });
}

/** Version of a tool, such as `7.0.15`; `unknown` if it does not print one within 3 s. */
export function toolVersion(tool: ToolName, { command }: ProgramPlace, signal?: AbortSignal): Promise<string> {
  const limits = { timeout: VERSION_TIMEOUT_MS, ...(signal ? { signal } : {}) };
  return new Promise(resolve => {
    execFile(command, [tool === 'nginx' ? '-v' : '--version'], limits, (_error, stdout, stderr) =>
      resolve(/\d+(?:\.\d+)+/.exec(`${stdout}\n${stderr}`)?.[0] ?? 'unknown'),
    );
  });
}
