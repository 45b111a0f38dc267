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

/** What a service did under a load, and spent on it. */
interface Measurement {
  readonly requests: number;
  readonly connections: number;
  readonly chunks: number;
  readonly cpuMs: number;
  /** Ratio of the time in which it ran or waited for a processor: near 1 where it was overloaded. */
  readonly wanted: number;
}

/** What a service spends, in ms of the processor; how far a measurement is from that at most, and as RMS, as ratios; its lowest `wanted`. */
type Fit = Readonly<Record<'requestMs' | 'connectionMs' | 'chunkMs' | 'worst' | 'rms' | 'wanted', number>>;

/** As many clients as that, each of which sends its next request when it has the response to the one before. */
interface Load {
  readonly clients: number;
  readonly maxTokens: number;
  readonly isKeptAlive: boolean;
}

const ROOT = join(import.meta.dirname, '../..');
const MODEL = 'qwen3-8b-fp8-h100';
/** Enough requests for V8 to have optimised what they run. */
const WARM_UP_REQUESTS = 5000;
const load = (clients: number, maxTokens: number, isKeptAlive = true): Load => ({ clients, maxTokens, isKeptAlive });
const COMPLETIONS = [
  load(128, 1),
  load(128, 4),
  load(128, 16),
  load(256, 64),
  load(128, 1, false),
  load(128, 16, false),
];
const QUERIES = [load(64, 0), load(128, 0), load(64, 0, false), load(128, 0, false)];

/**
 * CPU time of the main threads of a real gateway, a real inference simulator and a real control service, each under closed loops that
 * overload it, and the costs that fit best: `cpu = request × requests + connection × connections + chunk × chunks`, by least squares of
 * relative residuals. They are those of an overloaded service, where queues are decided: one that has time in between spends up to three
 * times as much on a request, in cold caches and on turns of its event loop. The kernel counts this time, so that a busy machine makes
 * it noisy, not long.
 */
export async function costBench({ forMs }: CostBench): Promise<Record<string, Fit>> {
  await using stack = new AsyncDisposableStack();
  const token = randomBytes(32).toString('hex');
  const start = async (service: string, environment: Record<string, string>) =>
    stack.use(await startService(service, { ...environment, [TOKEN_VARIABLE]: token }));
  const engine = { INFERENCE_CONFIG: JSON.stringify({ model: MODEL, timeScale: 1000 }) };
  const control = await start('control', { CONTROL_CONFIG: '{}' });
  const engines = [
    await start('inference', engine),
    await start('inference', engine),
    await start('inference', engine),
  ];
  const upstreams = engines.map(({ url }, nth) => ({ name: `inference-${nth}`, url }));
  // Overloaded, it finds itself unhealthy.
  const config = { upstreams, models: [MODEL], healthChecks: 'off', ejection: 'off' };
  const gateway = await start('gateway', { GATEWAY_CONFIG: JSON.stringify(config) });
  await sleep(2000);
  const measure = async (service: Service, loads: readonly Load[], once: Send) => {
    for (let warm = 0; warm < WARM_UP_REQUESTS; ) warm += (await run(loads[1]!, once, 1000)).requests;
    const measurements: Measurement[] = [];
    // There and back, so that whatever drifts meets all of them.
    for (const each of [...loads, ...loads.toReversed()]) measurements.push(await measured(service, each, once, forMs));
    return fitted(measurements);
  };
  const completions = (url: string) => (agent: Agent, maxTokens: number) => completion(url, agent, maxTokens);
  return {
    gateway: await measure(gateway, COMPLETIONS, completions(gateway.url)),
    inference: await measure(engines[0]!, COMPLETIONS, completions(engines[0]!.url)),
    control: await measure(control, QUERIES, agent => health(control.url, agent)),
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

/** Sends a request; resolves with the number of pieces in which the body of its response was sent. */
type Send = (agent: Agent, maxTokens: number) => Promise<number>;

async function measured({ child }: Service, each: Load, once: Send, forMs: number): Promise<Measurement> {
  const startMs = performance.now();
  const before = cpuMsOf(child.pid!);
  const done = await run(each, once, forMs);
  const after = cpuMsOf(child.pid!);
  const cpuMs = after.ranMs - before.ranMs;
  const wanted = (cpuMs + after.waitedMs - before.waitedMs) / (performance.now() - startMs);
  console.error(JSON.stringify({ ...each, ...done, cpuMs, wanted }));
  return { ...done, cpuMs, wanted };
}

async function run({ clients, maxTokens, isKeptAlive }: Load, once: Send, forMs: number) {
  const agent = new Agent({ keepAlive: isKeptAlive });
  let [requests, connections, chunks] = [0, 0, 0];
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = ((...args: Parameters<typeof connect>) => {
    connections += 1;
    return connect(...args);
  }) as typeof agent.createConnection;
  const untilMs = performance.now() + forMs;
  const client = async () => {
    while (performance.now() < untilMs) {
      const sent = await once(agent, maxTokens);
      chunks += sent;
      requests += 1;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  agent.destroy();
  return { requests, connections, chunks };
}

function completion(url: string, agent: Agent, maxTokens: number): Promise<number> {
  const body = JSON.stringify({
    model: MODEL,
    stream: true,
    max_tokens: maxTokens,
    messages: [{ role: 'user', content: 'word '.repeat(40) }],
  });
  const headers = { 'content-type': 'application/json', 'content-length': body.length };
  return exchange(new URL('/v1/chat/completions', url), { agent, method: 'POST', headers }, body);
}

/** Asks for the healthy replicas, as gateways do. */
function health(url: string, agent: Agent): Promise<number> {
  return exchange(new URL('/v1/health/service/inference?passing&index=0', url), { agent }, '');
}

function exchange(url: URL, options: object, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, options, response => {
      let chunks = 0;
      // Its parser hands over each chunk of a chunked body by itself.
      response.on('data', () => {
        chunks += 1;
      });
      response.on('error', reject).on('end', () => {
        // The last is sent with the one before.
        if (response.statusCode === 200) resolve(chunks - 1);
        else reject(new Error(`${url}: status ${response.statusCode}`));
      });
    });
    request.on('error', reject).end(body);
  });
}

/** How long a process's main thread, on which its event loop runs, ran and waited for a processor so far. */
function cpuMsOf(pid: number): { readonly ranMs: number; readonly waitedMs: number } {
  const [ran, waited] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ').map(Number);
  return { ranMs: ran! / 1e6, waitedMs: waited! / 1e6 };
}

function fitted(measurements: readonly Measurement[]): Fit {
  const isStreamed = measurements.some(({ chunks }) => chunks > 0);
  const rows = measurements.map(({ requests, connections, chunks, cpuMs }) =>
    [requests, connections, ...(isStreamed ? [chunks] : [])].map(count => count / cpuMs),
  );
  const costs = leastSquares(
    rows,
    rows.map(() => 1),
  );
  const residuals = rows.map(row => row.reduce((sum, x, index) => sum + x * costs[index]!, 0) - 1);
  const [requestMs = 0, connectionMs = 0, chunkMs = 0] = costs;
  const worst = Math.max(...residuals.map(Math.abs));
  const rms = Math.sqrt(residuals.reduce((sum, residual) => sum + residual ** 2, 0) / residuals.length);
  return {
    requestMs,
    connectionMs,
    chunkMs,
    worst,
    rms,
    wanted: Math.min(...measurements.map(({ wanted }) => wanted)),
  };
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
