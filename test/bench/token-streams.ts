import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { gapOfBucketMs } from '../../harness/requests.ts';
import { usageOf } from '../../load/worker/usage.ts';
import { outcomesOf, rig, startFixture, startLoad } from '../load/rig.ts';

const TOKENS = 200;
const GAP_MS = 50;
const SAMPLE_MS = 2000;

/** How the streaming client fared with many long answers at once. */
export interface StreamsResult {
  readonly concurrent: number;
  readonly mostInFlight: number;
  readonly tokensPerSecond: number;
  readonly completed: number;
  /** How the others ended. */
  readonly others: string;
  /** Cores that the client used. */
  readonly cpuCores: number;
  /** Inter-token latency against the server's own gaps, as relative errors. */
  readonly itlP50Error: number;
  readonly itlP99Error: number;
  readonly servedP50Ms: number;
  readonly servedP99Ms: number;
  readonly lateMsP99: number;
  /** Memory of the client in the first and in the last quarter of full concurrency. */
  readonly earlyMiB: number;
  readonly lateMiB: number;
}

/**
 * Holds `concurrent` streams of 20 tokens a second for `seconds`, by the streaming client, in as many processes as there are
 * `workers`: answers last 10 s, and a tenth as many as are wanted at once arrive each second.
 */
export async function tokenStreams(concurrent: number, seconds: number, workers: number): Promise<StreamsResult> {
  const lastsMs = TOKENS * GAP_MS;
  await using server = await startFixture('../../bench/fixtures/streams-tokens.ts', String(TOKENS));
  using prepared = rig({
    targets: [server.said],
    perSecond: concurrent / (lastsMs / 1000),
    forMs: lastsMs + seconds * 1000,
    maxInFlight: 10_000,
    workers,
    idleTimeoutMs: 15_000,
    connectTimeoutMs: 5000,
  });
  await using load = await startLoad(prepared.job);
  const memory: number[] = [];
  let mostInFlight = 0;
  const ended = load.done.then(() => true);
  const startedMs = Date.now();
  while (!(await Promise.race([ended, sleep(SAMPLE_MS, false)]))) {
    mostInFlight = Math.max(mostInFlight, load.progress().inFlight);
    const isFull = Date.now() - startedMs > lastsMs && Date.now() - startedMs < lastsMs + seconds * 1000;
    const { pids } = load;
    if (isFull && pids.every(pid => usageOf(pid))) memory.push(pids.reduce((sum, pid) => sum + residentMiB(pid), 0));
  }
  const summary = await load.done;
  const truth = (await (await fetch(`${server.said}/truth`)).json()) as number[];
  const records = await prepared.records();
  const gaps = new Map<number, number>();
  let tokens = 0;
  for (const record of records) {
    tokens += record.outputTokens;
    for (let i = 0; i < record.gaps.length; i += 2)
      gaps.set(record.gaps[i]!, (gaps.get(record.gaps[i]!) ?? 0) + record.gaps[i + 1]!);
  }
  const served = new Map(pairs(truth));
  const late = records.map(record => (record.sentMs ?? record.endMs) - record.scheduledMs).sort((a, b) => a - b);
  const quarter = Math.max(1, Math.floor(memory.length / 4));
  return {
    concurrent,
    mostInFlight,
    tokensPerSecond: tokens / (summary.wallMs / 1000),
    completed: records.filter(({ outcome }) => outcome === 'ok').length,
    others: JSON.stringify({ ...outcomesOf(records), ok: undefined }),
    cpuCores: summary.cpuMs / summary.wallMs,
    itlP50Error: quantileOf(gaps, 0.5) / quantileOf(served, 0.5) - 1,
    itlP99Error: quantileOf(gaps, 0.99) / quantileOf(served, 0.99) - 1,
    servedP50Ms: quantileOf(served, 0.5),
    servedP99Ms: quantileOf(served, 0.99),
    lateMsP99: late[Math.ceil(late.length * 0.99) - 1] ?? Number.NaN,
    earlyMiB: mean(memory.slice(0, quarter)),
    lateMiB: mean(memory.slice(-quarter)),
  };
}

function residentMiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) / 1024;
}

function pairs(flat: readonly number[]): [number, number][] {
  return Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i]!, flat[2 * i + 1]!]);
}

function quantileOf(histogram: ReadonlyMap<number, number>, q: number): number {
  const sorted = [...histogram].sort(([a], [b]) => a - b);
  const total = sorted.reduce((sum, [, count]) => sum + count, 0);
  let seen = 0;
  for (const [bucket, count] of sorted) {
    seen += count;
    if (seen >= total * q) return gapOfBucketMs(bucket);
  }
  return Number.NaN;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
