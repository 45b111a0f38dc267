import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { TOKEN_VARIABLE } from '../../stack/token.ts';

/** Of the bench of processor costs. */
export interface CostBench {
  /** Of each measurement, in ms. */
  readonly forMs: number;
}

/** Requests sent at a rate, evenly, and what a service spent on them. */
interface Measurement {
  readonly perSecond: number;
  readonly requests: number;
  readonly connections: number;
  readonly tokens: number;
  readonly seconds: number;
  readonly cpuMs: Readonly<Record<string, number>>;
}

/** What one service spends, in ms of the processor, and how far a measurement is from it at most, as a ratio. */
type Fit = Readonly<Record<'requestMs' | 'connectionMs' | 'chunkMs' | 'idleMsPerSecond' | 'worst' | 'rms', number>>;

interface Load {
  readonly perSecond: number;
  readonly maxTokens: number;
  readonly isKeptAlive: boolean;
}

const ROOT = join(import.meta.dirname, '../..');
const WARM_UP_MS = 8000;
const MODEL = 'qwen3-8b-fp8-h100';
const load = (perSecond: number, maxTokens: number, isKeptAlive = true): Load => ({
  perSecond,
  maxTokens,
  isKeptAlive,
});
/** Enough requests for V8 to have optimised what they run. */
const WARM_UP = [load(150, 16), load(150, 4, false)];
/** Below about 50 requests a second each costs up to twice as much, in cold caches; but then nothing queues. */
const COMPLETIONS = [
  ...[load(0, 1), load(60, 1), load(120, 1), load(240, 1), load(60, 16), load(120, 16), load(60, 64), load(40, 128)],
  ...[load(60, 1, false), load(120, 1, false), load(240, 1, false), load(60, 16, false)],
];
const CONTROL = [
  ...[load(0, 1), load(100, 1), load(200, 1), load(400, 1)],
  ...[load(100, 1, false), load(200, 1, false), load(400, 1, false)],
];

/**
 * CPU time of the main threads of a real gateway, a real inference simulator and a real control service under loads of different rates,
 * lengths and connections, and the costs that fit best: `cpu = idle × time + request × requests + connection × connections + chunk ×
 * tokens`, by least squares of relative residuals. The kernel counts this time, so that a busy machine makes it noisy, not long.
 */
export async function costBench({ forMs }: CostBench): Promise<Record<string, Fit>> {
  await using stack = new AsyncDisposableStack();
  const token = randomBytes(32).toString('hex');
  const start = async (service: string, environment: Record<string, string>) =>
    stack.use(await startService(service, environment));
  const control = await start('control', { CONTROL_CONFIG: '{}', [TOKEN_VARIABLE]: token });
  const inference = await start('inference', {
    INFERENCE_CONFIG: JSON.stringify({ model: MODEL, timeScale: 1000 }),
    [TOKEN_VARIABLE]: token,
  });
  const gateway = await start('gateway', {
    GATEWAY_CONFIG: JSON.stringify({ upstreams: [{ name: 'inference-1', url: inference.url }], models: [MODEL] }),
  });
  await sleep(2000);
  const complete = (agent: Agent, maxTokens: number) => completion(gateway.url, agent, maxTokens);
  const discover = (agent: Agent) => health(control.url, agent);
  for (const each of WARM_UP) {
    await send(each, complete, WARM_UP_MS);
    await send(each, discover, WARM_UP_MS);
  }
  const completions: Measurement[] = [];
  const queries: Measurement[] = [];
  // There and back, so that whatever drifts meets all of them.
  for (const each of [...COMPLETIONS, ...COMPLETIONS.toReversed()])
    completions.push(await measured(each, complete, forMs, { gateway, inference }));
  for (const each of [...CONTROL, ...CONTROL.toReversed()])
    queries.push(await measured(each, discover, forMs, { control }));
  return {
    gateway: fitted(completions, 'gateway'),
    inference: fitted(completions, 'inference'),
    control: fitted(queries, 'control'),
  };
}

interface Service extends AsyncDisposable {
  readonly url: string;
  readonly child: ChildProcess;
}

async function startService(service: string, environment: Record<string, string>): Promise<Service> {
  const child = spawn(process.execPath, [join(ROOT, 'stack', service, 'main.ts')], {
    env: { LISTEN: '127.0.0.1:0', ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout });
  const [line] = (await once(lines, 'line')) as [string];
  const { port, address } = JSON.parse(line) as { port?: number; address: { port: number } };
  return {
    url: `http://127.0.0.1:${port ?? address.port}`,
    child,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

type Send = (agent: Agent, maxTokens: number) => Promise<number>;

async function measured(
  each: Load,
  once: Send,
  forMs: number,
  services: Readonly<Record<string, Service>>,
): Promise<Measurement> {
  await send({ ...each, perSecond: Math.min(each.perSecond, 20) }, once, 500);
  const startMs = performance.now();
  const spent = () =>
    Object.fromEntries(Object.entries(services).map(([name, { child }]) => [name, cpuMsOf(child.pid!)]));
  const before = spent();
  const sent = await send(each, once, forMs);
  const after = spent();
  const seconds = (performance.now() - startMs) / 1000;
  const cpuMs = Object.fromEntries(Object.keys(services).map(name => [name, after[name]! - before[name]!]));
  const measurement = { perSecond: each.perSecond, ...sent, seconds, cpuMs };
  console.error(JSON.stringify(measurement));
  return measurement;
}

async function send({ perSecond, maxTokens, isKeptAlive }: Load, once: Send, forMs: number) {
  const agent = new Agent({ keepAlive: isKeptAlive });
  let connections = 0;
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = ((...args: Parameters<typeof connect>) => {
    connections += 1;
    return connect(...args);
  }) as typeof agent.createConnection;
  const startMs = performance.now();
  const pending: Promise<number>[] = [];
  for (let nth = 0; nth < (perSecond * forMs) / 1000; nth += 1) {
    const waitMs = startMs + (nth * 1000) / perSecond - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    pending.push(once(agent, maxTokens));
  }
  if (pending.length === 0) await sleep(forMs);
  const tokens = (await Promise.all(pending)).reduce((sum, count) => sum + count, 0);
  agent.destroy();
  return { requests: pending.length, connections, tokens };
}

/** Sends a streamed completion; resolves with the number of tokens. */
function completion(url: string, agent: Agent, maxTokens: number): Promise<number> {
  const body = JSON.stringify({
    model: MODEL,
    stream: true,
    max_tokens: maxTokens,
    messages: [{ role: 'user', content: 'word '.repeat(40) }],
  });
  const headers = { 'content-type': 'application/json', 'content-length': body.length };
  return exchange(new URL('/v1/chat/completions', url), { agent, method: 'POST', headers }, body, /"content":/g);
}

/** Asks for the healthy replicas, as gateways do. */
function health(url: string, agent: Agent): Promise<number> {
  return exchange(new URL('/v1/health/service/inference?passing&index=0', url), { agent }, '', /^(?!)/g);
}

function exchange(url: URL, options: object, body: string, counted: RegExp): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, options, response => {
      let text = '';
      response.setEncoding('utf8').on('data', chunk => {
        text += chunk;
      });
      response.on('end', () => {
        if (response.statusCode === 200) resolve(text.match(counted)?.length ?? 0);
        else reject(new Error(`${url}: ${response.statusCode}: ${text.slice(0, 200)}`));
      });
    });
    request.on('error', reject).end(body);
  });
}

/** CPU time of a process's main thread so far, on which its event loop runs, in ms. */
function cpuMsOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
}

function fitted(measurements: readonly Measurement[], service: string): Fit {
  const hasTokens = measurements.some(({ tokens }) => tokens > 0);
  const rows = measurements.map(({ seconds, requests, connections, tokens }) => [
    ...[seconds, requests, connections],
    ...(hasTokens ? [tokens] : []),
  ]);
  const spent = measurements.map(({ cpuMs }) => cpuMs[service]!);
  const costs = leastSquares(
    rows.map((row, nth) => row.map(value => value / spent[nth]!)),
    spent.map(() => 1),
  );
  const residuals = rows.map((row, nth) => row.reduce((sum, x, index) => sum + x * costs[index]!, 0) / spent[nth]! - 1);
  const [idleMsPerSecond = 0, requestMs = 0, connectionMs = 0, chunkMs = 0] = costs;
  const worst = Math.max(...residuals.map(Math.abs));
  const rms = Math.sqrt(residuals.reduce((sum, residual) => sum + residual ** 2, 0) / residuals.length);
  return { requestMs, connectionMs, chunkMs, idleMsPerSecond, worst, rms };
}

/** Solves the normal equations of `rows · x ≈ values` by Gaussian elimination. */
function leastSquares(rows: readonly (readonly number[])[], values: readonly number[]): number[] {
  const size = rows[0]!.length;
  const matrix = Array.from({ length: size }, (_, i) => [
    ...Array.from({ length: size }, (_, j) => rows.reduce((sum, row) => sum + row[i]! * row[j]!, 0)),
    rows.reduce((sum, row, nth) => sum + row[i]! * values[nth]!, 0),
  ]);
  for (let i = 0; i < size; i += 1) {
    for (let below = 0; below < size; below += 1) {
      if (below === i) continue;
      const factor = matrix[below]![i]! / matrix[i]![i]!;
      for (let j = i; j <= size; j += 1) matrix[below]![j]! -= factor * matrix[i]![j]!;
    }
  }
  return matrix.map((row, i) => row[size]! / row[i]!);
}
