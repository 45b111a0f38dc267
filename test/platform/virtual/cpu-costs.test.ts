import { readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunResult, runScenario } from '../../../cli/api.ts';
import type { Endpoint } from '../../../harness/host/network.ts';
import { seededRandom } from '../../../harness/random.ts';
import { VirtualTime } from '../../../harness/virtual/virtual-time.ts';
import { cpuCostsOf, virtualOptionsSchema } from '../../../platform/virtual/cpu-costs.ts';
import { type CpuCosts, NO_COSTS } from '../../../platform/virtual/net/host.ts';
import { VirtualInternet } from '../../../platform/virtual/net/network.ts';
import { temporaryFolder } from '../../e2e/squall.ts';

/** A host with these costs, which serves each connection with `serve`, and its clients. Paths take no time. */
function world(costs: Partial<CpuCosts>, serve: (socket: Socket) => void) {
  const time = new VirtualTime();
  const internet = new VirtualInternet(time, seededRandom(1), { delayMs: 0, jitterMs: 0 });
  const host = internet.addHost('server', '10.0.0.2', { ...NO_COSTS, ...costs });
  const clients = internet.networkOf(internet.addHost('clients', '10.0.0.1'));
  const sleep = (ms: number) => new Promise<void>(resolve => void time.after(ms, resolve));
  const run = async <T>(script: (endpoint: Endpoint) => Promise<T>): Promise<T> => {
    const listening = async () => {
      const server = createServer({ noDelay: true }, serve);
      return script(await internet.networkOf(host).listen(server, { host: '10.0.0.2', port: 80 }));
    };
    return time.run(listening(), () => internet.describe());
  };
  return { time, host, clients, sleep, run };
}

const echo = (socket: Socket) => void socket.on('data', () => socket.write('r')).on('error', () => {});

describe('a host with costs', () => {
  it('serves one request after the other, and its response leaves when it is done', async () => {
    const { time, clients, sleep, run } = world({ requestMs: 10, chunkMs: 1 }, echo);
    const at = await run(async endpoint => {
      const sockets = Array.from({ length: 3 }, () => clients.connect(endpoint));
      await sleep(10);
      const startMs = time.nowMs();
      const seen: number[] = [];
      for (const socket of sockets) {
        socket.on('data', () => seen.push(time.nowMs() - startMs));
        socket.write('x');
      }
      await sleep(100);
      return seen;
    });
    // 10 ms for the request and 1 ms for the response, each.
    expect(at.map(Math.round)).toEqual([11, 22, 33]);
  });

  it('takes time for each connection', async () => {
    const { time, clients, sleep, run } = world({ connectionMs: 10 }, echo);
    const at = await run(async endpoint => {
      const seen: number[] = [];
      const sockets = Array.from({ length: 3 }, () => clients.connect(endpoint));
      for (const socket of sockets) {
        socket.on('data', () => seen.push(time.nowMs()));
        socket.write('x');
      }
      await sleep(100);
      return seen;
    });
    expect(at.map(Math.round)).toEqual([10, 20, 30]);
  });

  it('reads at once what has arrived while it was busy, as a kernel hands it over', async () => {
    const reads: string[] = [];
    const { clients, sleep, run } = world(
      { requestMs: 10 },
      socket => void socket.on('data', each => reads.push(`${each}`)),
    );
    await run(async endpoint => {
      const socket = clients.connect(endpoint);
      for (const text of ['a', 'b', 'c', 'd']) {
        await sleep(1);
        socket.write(text);
      }
      await sleep(100);
    });
    expect(reads).toEqual(['a', 'bcd']);
  });

  it('resets a connection when it dies before it has read what has arrived', async () => {
    const { host, clients, sleep, run } = world({ requestMs: 10 }, socket => void socket.on('data', () => {}));
    const told = await run(async endpoint => {
      const seen: string[] = [];
      const sockets = [clients.connect(endpoint), clients.connect(endpoint)];
      for (const [nth, socket] of sockets.entries()) {
        socket.on('error', error => seen.push(`${nth} ${(error as NodeJS.ErrnoException).code}`));
        socket.on('end', () => seen.push(`${nth} end`));
      }
      await sleep(1);
      for (const socket of sockets) socket.write('x');
      await sleep(1);
      host.kill();
      await sleep(1);
      return seen.sort();
    });
    expect(told).toEqual(['0 end', '1 ECONNRESET']);
  });

  it.each([0.3, 0.5, 0.8])('at a utilisation of %d waits as long as an M/D/1 queue does', async utilisation => {
    const serviceMs = 10;
    const { time, clients, sleep, run } = world({ requestMs: serviceMs }, echo);
    const random = seededRandom(3);
    const count = 20_000;
    const waits = await run(async endpoint => {
      const idle: Socket[] = [];
      const seen: number[] = [];
      const send = (socket: Socket) => {
        const sentMs = time.nowMs();
        socket.once('data', () => {
          seen.push(time.nowMs() - sentMs - serviceMs);
          idle.push(socket);
        });
        socket.write('x');
      };
      for (let nth = 0; nth < count; nth += 1) {
        await sleep((-Math.log(1 - random.next()) * serviceMs) / utilisation);
        const socket = idle.pop();
        if (socket) send(socket);
        else {
          const opened = clients.connect(endpoint);
          opened.on('connect', () => send(opened));
        }
      }
      await sleep(10_000);
      return seen;
    });
    expect(waits).toHaveLength(count);
    const meanMs = waits.reduce((sum, wait) => sum + wait, 0) / count;
    // Pollaczek-Khinchine; the standard error of 20,000 correlated waits at 0.8 is about 3 %.
    const expectedMs = (utilisation * serviceMs) / (2 * (1 - utilisation));
    expect(meanMs / expectedMs).toBeGreaterThan(0.9);
    expect(meanMs / expectedMs).toBeLessThan(1.1);
  });
});

it('costs are multiples of what was measured, or given by service; Redis has none', () => {
  const of = (cpu: unknown, service = 'gateway') => cpuCostsOf(virtualOptionsSchema.parse({ cpu }), service);
  const measured = cpuCostsOf(virtualOptionsSchema.parse({}), 'gateway');
  expect(measured.requestMs).toBeGreaterThan(0);
  expect(of(3).requestMs).toBeCloseTo(3 * measured.requestMs);
  expect(of(0)).toEqual(NO_COSTS);
  expect(of({ gateway: { requestMs: 7 } })).toEqual({ ...measured, requestMs: 7 });
  expect(of({ gateway: { requestMs: 7 } }, 'inference')).toEqual(of(1, 'inference'));
  expect(of(5, 'redis')).toEqual(NO_COSTS);
});

describe('a gateway in virtual time', () => {
  const out = temporaryFolder();
  afterAll(() => out[Symbol.dispose]());

  /** 20 requests a second for 15 s, of one token each, through one gateway that needs `request` for each. */
  const ttft = async (request: string, gateways = 1): Promise<RunResult> =>
    runScenario(
      {
        name: 'busy-gateway',
        why: 'A gateway that is asked for more than it can do makes users wait, longer and longer.',
        stack: {
          gateway: { replicas: gateways, healthChecks: 'off' },
          inference: { replicas: 2 },
          timeScale: 120,
          virtual: {
            cpu: {
              gateway: { request, connection: '0s', chunk: '0s' },
              inference: { request: '0s', connection: '0s', chunk: '0s' },
            },
          },
        },
        load: {
          stages: [
            { name: 'early', at: '20/s', for: '5s' },
            { name: 'late', at: '20/s', for: '10s' },
          ],
          workload: { name: 'one-token', promptTokens: [16, 16], outputTokens: [1, 1] },
        },
        slos: [
          { name: 'early TTFT', window: 'load:early', objective: 'p90(ttft) <= 20 s' },
          { name: 'TTFT', window: 'load:late', objective: 'p90(ttft) <= 500 ms' },
        ],
      },
      { platform: 'virtual', out: out.path, seed: 5, salt: '' },
    );
  let free: RunResult;
  let half: RunResult;
  let over: RunResult;
  let shared: RunResult;
  let again: RunResult;
  beforeAll(async () => {
    free = await ttft('0s');
    half = await ttft('25ms');
    over = await ttft('55ms');
    shared = await ttft('55ms', 3);
    again = await ttft('55ms');
  }, 300_000);
  const late = (run: RunResult) => run.windows.find(({ name }) => name === 'load:late')!.ttftMs;
  const early = (run: RunResult) => run.windows.find(({ name }) => name === 'load:early')!.ttftMs;

  it('waits a little at half of what it can do', () => {
    expect(half.verdict).toBe('pass');
    const addedMs = late(half)!.p50! - late(free)!.p50!;
    // Its own service, and then about as long behind others, whose requests and responses it meets twice.
    expect(addedMs).toBeGreaterThan(24);
    expect(addedMs).toBeLessThan(75);
    expect(late(half)!.p99!).toBeLessThan(2 * early(half)!.p99!);
  });

  it('queues without end beyond what it can do, which breaks the SLO; more gateways keep it', () => {
    // A tenth more work than time: the queue grows by 100 ms each second, and a request passes it up to three times.
    expect(over.slos.map(({ verdict }) => verdict)).toEqual(['pass', 'fail']);
    expect(late(over)!.p99!).toBeGreaterThan(1.5 * early(over)!.p99!);
    expect(late(over)!.p50!).toBeGreaterThan(20 * late(half)!.p50!);
    expect(late(over)!.p99!).toBeLessThan(15_000);
    expect(shared.verdict).toBe('pass');
  });

  it('queues the same way each time, to the byte', () => {
    for (const file of ['events.ndjson', 'requests.parquet', 'gateway-1.log', 'inference-1.log', 'toxiproxy.log']) {
      const [first, second] = [over, again].map(({ directory }) => readFileSync(join(directory, file), 'latin1'));
      expect(second === first, file).toBe(true);
    }
    expect(again.directory).not.toBe(over.directory);
  });

  it('says in its report what is modelled', () => {
    expect(half.warnings[0]).toMatch(/^Virtual time: .* a processor of each gateway/);
  });
});
