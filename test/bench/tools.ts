import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';

/** One line of the comparison; figures that a tool does not tell are null. */
export interface Row {
  readonly tool: string;
  /** How it sends: at a rate whatever comes back, or as fast as answers come. */
  readonly loop: 'open' | 'closed';
  readonly offeredPerSecond: number | null;
  readonly achievedPerSecond: number;
  readonly cpuMsPer1000: number;
  readonly lateMsP99: number | null;
  /** Measured latency over what the server says it took, as a relative error. */
  readonly p50Error: number | null;
  readonly p99Error: number | null;
  readonly peakMiB: number | null;
}

/** Runs a command to its end; what it wrote, and the CPU time of it and its children in ms, as bash's `time` tells. */
export async function timed(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ out: string; cpuMs: number }> {
  const script = 'TIMEFORMAT="cpu %U %S"; time "$@"';
  const child = spawn('bash', ['-c', script, 'bash', command, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  const [, user = 'NaN', system = 'NaN'] = /cpu ([\d.]+) ([\d.]+)\s*$/.exec(err) ?? [];
  return { out, cpuMs: (Number(user) + Number(system)) * 1000 };
}

/** The first line of `tool --version` or `version`. */
export async function versionOf(command: string, ...args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return `${out}${err}`.split('\n')[0]!.trim();
}

/** wrk's way to post a body. */
export function wrkScript(path: string, body: string): string {
  const lua = `wrk.method = "POST"\nwrk.body = ${JSON.stringify(body)}\nwrk.headers["Content-Type"] = "application/json"\n`;
  writeFileSync(path, lua);
  return path;
}
