import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { clientOf, roundTripMs } from '../faults/toxiproxy/peers.ts';
import { REAL_2_12, SERVERS, startServer } from '../faults/toxiproxy/servers.ts';
import { quantile, startFixture } from '../load/rig.ts';
import { download, openAll, RESPONSE, requests } from './proxy-load.ts';

/** Of the bench of fault proxies. */
export interface ProxyBench {
  readonly rounds: number;
  /** Of each measurement, in ms. */
  readonly forMs: number;
  /** Of the measurement of memory. */
  readonly held: number;
}

/** Linux counts CPU time in hundredths of a second. */
const TICK_MS = 10;

interface Subject {
  readonly name: string;
  readonly address: string;
  /** Undefined for the upstream itself. */
  readonly pid?: number;
}

type Figures = Record<string, number[]>;

/**
 * Requests and downloads through the embedded proxy, through the real one, and without any, in turns, so that whatever else the machine
 * does meets all of them: medians of the rounds. Then the memory of both with many connections.
 */
export async function proxyBench({ rounds, forMs, held }: ProxyBench): Promise<Record<string, Record<string, string>>> {
  await using stack = new AsyncDisposableStack();
  const upstream = stack.use(await startFixture('../../bench/fixtures/raw-upstream.ts'));
  const servers = [];
  for (const row of [SERVERS[0]!, ...REAL_2_12]) servers.push({ row, server: stack.use(await startServer(row)) });
  const subjects: Subject[] = [{ name: 'direct', address: upstream.said }];
  for (const { row, server } of servers) {
    const proxy = { name: 'bench', listen: '127.0.0.1:0', upstream: upstream.said };
    const { listen } = await clientOf(server.apiUrl).createProxy(proxy);
    subjects.push({ name: row.kind, address: listen, pid: server.pid });
  }
  const figures: Record<string, Figures> = Object.fromEntries(subjects.map(({ name }) => [name, {}]));
  const note = (name: string, figure: string, value: number) => {
    const found = figures[name]!;
    found[figure] ??= [];
    found[figure].push(value);
  };
  // The first round warms up.
  for (let round = 0; round <= rounds; round += 1) {
    const turn = [...subjects.slice(round % subjects.length), ...subjects.slice(0, round % subjects.length)];
    for (const connections of [1, 50]) {
      for (const { name, address, pid } of turn) {
        const cpuMs = cpuMsOf(pid);
        const { perSecond, p50Ms, p99Ms, count } = await requests(address, connections, forMs);
        const spentMs = cpuMsOf(pid) - cpuMs;
        const mbPerSecond = await download(address, connections, forMs);
        if (round === 0) continue;
        note(name, `requests/s (${connections})`, perSecond);
        note(name, `P50 ms (${connections})`, p50Ms);
        note(name, `P99 ms (${connections})`, p99Ms);
        note(name, `CPU ms / 1000 (${connections})`, (spentMs / count) * 1000);
        note(name, `MB/s (${connections})`, mbPerSecond);
      }
    }
  }
  for (const { name, address, pid } of subjects.filter(({ pid }) => pid !== undefined)) {
    note(name, `MB with ${held}`, await heldMemory(address, pid!, held));
  }
  return Object.fromEntries(subjects.map(({ name }) => [name, shown(figures[name]!, figures.direct!)]));
}

/** Resident MB with `count` connections that have each carried one request. */
async function heldMemory(address: string, pid: number, count: number): Promise<number> {
  const sockets = await openAll(address, count);
  for (let from = 0; from < count; from += 100)
    await Promise.all(sockets.slice(from, from + 100).map(socket => roundTripMs(socket, 'G'.padEnd(RESPONSE.length))));
  await sleep(1000);
  const mb = Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1000;
  for (const socket of sockets) socket.destroy();
  return mb;
}

/** CPU time of a process so far. */
function cpuMsOf(pid: number | undefined): number {
  if (pid === undefined) return Number.NaN;
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Medians; latencies as what is added to those without a proxy. */
function shown(own: Figures, direct: Figures): Record<string, string> {
  const median = (values: readonly number[]) => quantile(values, 0.5);
  return Object.fromEntries(
    Object.entries(own).map(([figure, values]) => {
      if (!/^P\d/.test(figure) || own === direct) return [figure, median(values).toPrecision(3)];
      const added = values.map((value, round) => value - direct[figure]![round]!);
      return [figure, `+${median(added).toPrecision(3)}`];
    }),
  );
}
