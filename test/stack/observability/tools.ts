import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type Login, loginHeaders } from '../../../harness/http/login.ts';
import type { PrometheusOptions } from '../../../stack/observability/options.ts';
import { prometheusArguments } from '../../../stack/observability/prometheus.ts';
import { missing } from '../../require.ts';

/** Reason to skip tests with a real Prometheus, or false. */
export const noPrometheus = missing('prometheus', ['prometheus', 'promtool'].every(isOnPath));

function isOnPath(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some(directory => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Temporary folder, removed on disposal. */
export function temporaryFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'squall-prometheus-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Writes files below a folder. */
export function writeAll(directory: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
}

/** Runs the real promtool; resolves with its exit code and output. */
export function promtool(...args: readonly string[]): Promise<{ code: number; output: string }> {
  return new Promise(resolve => {
    const child = execFile('promtool', [...args], { timeout: 60_000 }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, output: stdout + stderr }),
    );
  });
}

/** Free TCP port on loopback. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Starts a real Prometheus with the files of a folder; resolves once it is ready for `login`. Disposing stops it. */
export async function startPrometheus(options: PrometheusOptions, directory: string, login: Login) {
  const listen = `127.0.0.1:${await freePort()}`;
  const url = `http://${listen}`;
  const child = spawn('prometheus', prometheusArguments(options, { directory, listen }), {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', chunk => {
    log += chunk;
  });
  const exited = once(child, 'exit');
  const dispose = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  const endMs = performance.now() + 20_000;
  while (
    !(await fetch(`${url}/-/ready`, { headers: loginHeaders(login) }).then(
      response => response.ok,
      () => false,
    ))
  ) {
    if (child.exitCode !== null || performance.now() > endMs) {
      await dispose();
      throw new Error(`Prometheus did not become ready: ${log}`);
    }
    await new Promise(resolve => setTimeout(resolve, 50));
  }
  return { url, [Symbol.asyncDispose]: dispose };
}
