import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LoadEngine } from '../../harness/contracts.ts';
import { findProgram } from '../../harness/host/programs.ts';
import type { Workload } from '../../harness/plan.ts';
import type { RequestRecord } from '../../harness/requests.ts';
import { autocannonEngine } from '../../load/autocannon/engine.ts';
import { k6Engine } from '../../load/k6/engine.ts';
import { findK6 } from '../../load/k6/program/find.ts';
import { buildRequest } from '../../load/request/request.ts';
import { streamEngine } from '../../load/stream/engine.ts';
import { workloads } from '../../scenarios/load/workloads.ts';
import { type Fixture, quantile, runLoad, startFixture } from '../load/rig.ts';
import { type Row, timed, wrkScript } from './tools.ts';

/** What all tools are asked to do: post the same short body to a server that takes a lognormal time. */
export interface ShortRequests {
  readonly perSecond: number;
  readonly seconds: number;
  /** In flight at most, and of the closed loops always. */
  readonly connections: number;
  readonly medianMs: number;
  readonly sigma: number;
}

const CHAT: Workload = { ...workloads['chat-short'], model: 'm' };
const { body: BODY } = buildRequest(CHAT, 0, { runId: 'bench', seed: 1, authorization: '' });
const PLAIN: Workload = {
  kind: 'http',
  name: 'post',
  model: '',
  method: 'POST',
  path: '/v1/chat/completions',
  headers: { 'content-type': 'application/json' },
  body: BODY,
  expect: { status: [], bodyContains: null, maxBytes: 65_536 },
};

/** One row for every tool there is, one after the other, each against a server of its own. */
export async function* shortRequests(options: ShortRequests): AsyncGenerator<Row> {
  yield await engineRow('stream', streamEngine, options);
  // What it does beside: a prompt of its own for every request, and an answer read token by token.
  yield await engineRow('stream (chat)', streamEngine, options, CHAT);
  const k6 = await findK6();
  if (k6) yield await engineRow('k6', k6Engine(), options);
  if (k6) yield await bareK6(k6.command, options);
  yield await engineRow('autocannon', autocannonEngine, options);
  const wrk = findProgram('wrk')?.command;
  if (wrk) yield await wrkRow(wrk, options);
  const oha = findProgram('oha')?.command;
  if (oha) yield await ohaRow(oha, options);
}

function startServer({ medianMs, sigma }: ShortRequests): Promise<Fixture> {
  return startFixture('../../bench/fixtures/answers-after-delay.ts', String(medianMs), String(sigma));
}

async function truthOf(server: Fixture): Promise<number[]> {
  return (await (await fetch(`${server.said}/truth`)).json()) as number[];
}

async function engineRow(tool: string, engine: LoadEngine, options: ShortRequests, workload = PLAIN): Promise<Row> {
  const { perSecond, seconds, connections } = options;
  const isClosed = tool === 'autocannon';
  await using server = await startServer(options);
  const plan = { perSecond: isClosed ? 0 : perSecond, maxInFlight: connections * 4, connections };
  const { records, summary } = await runLoad(
    { ...plan, forMs: seconds * 1000, warmUpMs: 500, targets: [server.said], workload },
    { engine },
  );
  const ok = records.filter(({ outcome }) => outcome === 'ok');
  const late = ok.map(record => record.sentMs! - record.scheduledMs);
  const spent = ok.map(record => record.endMs - record.sentMs!);
  return {
    tool,
    loop: isClosed ? 'closed' : 'open',
    offeredPerSecond: isClosed ? null : perSecond,
    achievedPerSecond: ratePerSecond(ok),
    cpuMsPer1000: (summary.cpuMs / ok.length) * 1000,
    lateMsP99: isClosed ? null : quantile(late, 0.99),
    ...errorsOf(quantile(spent, 0.5), quantile(spent, 0.99), await truthOf(server)),
    peakMiB: summary.peakRssBytes / 2 ** 20,
  };
}

function ratePerSecond(records: readonly RequestRecord[]): number {
  const driven = records.filter(({ scheduledMs }) => scheduledMs >= 0);
  const lastMs = driven.reduce((last, { endMs }) => Math.max(last, endMs), 0);
  return driven.length / (lastMs / 1000);
}

function errorsOf(p50Ms: number, p99Ms: number, truth: readonly number[]): Pick<Row, 'p50Error' | 'p99Error'> {
  const error = (measured: number, q: number) => measured / quantile(truth, q) - 1;
  return { p50Error: error(p50Ms, 0.5), p99Error: error(p99Ms, 0.99) };
}

async function bareK6(command: string, options: ShortRequests): Promise<Row> {
  const { perSecond, seconds, connections } = options;
  await using server = await startServer(options);
  const script = join(import.meta.dirname, 'fixtures/k6-bare.ts');
  const env = {
    RATE: String(perSecond),
    VUS: String(connections * 4),
    SECONDS: String(seconds),
    TARGET: server.said,
    BODY,
  };
  const { out, cpuMs } = await timed(command, ['run', '--no-color', '--no-usage-report', script], env);
  const count = Number(/http_reqs\.*: (\d+)/.exec(out)?.[1]);
  const truth = await truthOf(server);
  const p50Ms = millisecondsOf(/http_req_duration\.*:.*?med=(\S+)/.exec(out)?.[1]);
  return {
    ...{ tool: 'k6 alone', loop: 'open', offeredPerSecond: perSecond, achievedPerSecond: count / seconds },
    ...{ cpuMsPer1000: (cpuMs / count) * 1000, lateMsP99: null, peakMiB: null },
    ...{ p50Error: p50Ms / quantile(truth, 0.5) - 1, p99Error: null },
  };
}

async function wrkRow(command: string, options: ShortRequests): Promise<Row> {
  const { seconds, connections } = options;
  await using server = await startServer(options);
  const script = wrkScript(join(mkdtempSync(join(tmpdir(), 'squall-bench-')), 'post.lua'), BODY);
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', '-s', script];
  const { out, cpuMs } = await timed(command, [...args, `${server.said}/v1/chat/completions`]);
  const count = Number(/(\d+) requests in/.exec(out)?.[1]);
  const at = (percent: number) => millisecondsOf(new RegExp(`^\\s+${percent}%\\s+(\\S+)`, 'm').exec(out)?.[1]);
  return {
    ...{ tool: 'wrk', loop: 'closed', offeredPerSecond: null, achievedPerSecond: count / seconds },
    ...{ cpuMsPer1000: (cpuMs / count) * 1000, lateMsP99: null, peakMiB: null },
    ...errorsOf(at(50), at(99), await truthOf(server)),
  };
}

async function ohaRow(command: string, options: ShortRequests): Promise<Row> {
  const { perSecond, seconds, connections } = options;
  await using server = await startServer(options);
  const rate = ['-q', String(perSecond), '-c', String(connections * 4), '-z', `${seconds}s`];
  const post = ['-m', 'POST', '-T', 'application/json', '-d', BODY];
  const url = `${server.said}/v1/chat/completions`;
  const { out, cpuMs } = await timed(command, [...rate, ...post, '--no-tui', '--output-format', 'json', url]);
  const told = JSON.parse(out) as {
    summary: { requestsPerSec: number; total: number };
    latencyPercentiles: Record<string, number>;
  };
  const count = told.summary.requestsPerSec * told.summary.total;
  const at = (percentile: string) => told.latencyPercentiles[percentile]! * 1000;
  return {
    ...{ tool: 'oha', loop: 'open', offeredPerSecond: perSecond, achievedPerSecond: told.summary.requestsPerSec },
    ...{ cpuMsPer1000: (cpuMs / count) * 1000, lateMsP99: null, peakMiB: null },
    ...errorsOf(at('p50'), at('p99'), await truthOf(server)),
  };
}

/** `12.3ms`, `950.21µs`, `1.2s` as wrk and k6 print it. */
function millisecondsOf(text: string | undefined): number {
  const [, value = 'NaN', unit = 'ms'] = /^([\d.]+)(us|µs|ms|s)?$/.exec(text ?? '') ?? [];
  return Number(value) * { us: 0.001, µs: 0.001, ms: 1, s: 1000 }[unit]!;
}
