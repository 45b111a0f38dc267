import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { TOKEN } from '../control/fixtures/control-process.ts';

const main = fileURLToPath(new URL('../../../stack/inference/main.ts', import.meta.url));

/** Simulator in a child process on a free port. Disposing kills it. */
export class Replica implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly url: string;
  /** Log lines so far. */
  readonly log: readonly Record<string, unknown>[];

  constructor(child: ChildProcess, url: string, log: readonly Record<string, unknown>[]) {
    this.child = child;
    this.url = url;
    this.log = log;
  }

  post(path: string, body: unknown, init: RequestInit = {}): Promise<Response> {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return fetch(this.url + path, { method: 'POST', body: text, ...init });
  }

  /** Value of the metric's only series, or of the series whose labels contain `label`. */
  async metric(name: string, label = ''): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const line = text.split('\n').find(other => other.startsWith(`${name}{`) && other.includes(label));
    return line ? Number(line.slice(line.lastIndexOf(' '))) : Number.NaN;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }
}

/** Starts a replica; resolves once its model is loaded, or with `awaitReady: false` once it listens. */
export async function startReplica(config: Record<string, unknown>, awaitReady = true): Promise<Replica> {
  const child = spawnReplica('127.0.0.1:0', JSON.stringify(config));
  const log: Record<string, unknown>[] = [];
  const lines = createInterface(child.stdout!);
  const wanted = awaitReady ? 'ready' : 'listening';
  await new Promise<void>((resolve, reject) => {
    child.once('exit', code => reject(new Error(`The replica exited with ${code}`)));
    lines.on('line', line => {
      log.push(JSON.parse(line));
      if (log.at(-1)!.msg === wanted) resolve();
    });
  });
  const { port } = log[0]!.address as { port: number };
  return new Replica(child, `http://127.0.0.1:${port}`, log);
}

/** Spawns the process without waiting, for tests in which it fails to start. */
export function spawnReplica(listen: string, config: string): ChildProcess {
  const env = { ...process.env, LISTEN: listen, INFERENCE_CONFIG: config, STACK_TOKEN: TOKEN };
  return spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'pipe'] });
}
