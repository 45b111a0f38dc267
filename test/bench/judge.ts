import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TimedEvent } from '../../harness/history.ts';
import { seededRandom } from '../../harness/random.ts';
import { gapBucket, type RequestRecord, requestRecord } from '../../harness/requests.ts';
import { ARTIFACTS } from '../../reports/publish.ts';
import { REQUESTS_FILE, writeRequests } from '../../reports/store/requests-file.ts';
import { historyOf, KILL, planOf } from '../reports/runs.ts';
import type { Judged } from './fixtures/judges-a-run.ts';

/** Requests a second: 18 million are those of a day. */
const PER_SECOND = 208;
const SLOS = [
  ['whole', 'errors <= 1%'],
  ['whole', 'p99(ttft) <= 800 ms'],
  ['whole', 'p99(latency) <= 8 s'],
  ['whole', 'p99(itl) <= 100 ms'],
  ['fault:kill', 'p99(ttft) <= 800 ms'],
  ['whole', 'goodput(ttft 500 ms, latency 6 s) >= 95%'],
  ['whole', 'throughput >= 100/s'],
  ['whole', 'recovery(kill) <= 70 s'],
] as const;

/**
 * Judges and renders runs of as many requests, each in a process of its own: token streams of three upstreams, 8 buckets of gaps each, one
 * fault, eight SLOs. A run is written to the temporary folder and removed afterwards: 55 MB a million requests.
 */
export async function* judgeBench(counts: readonly number[]): AsyncGenerator<Record<string, string | number>> {
  for (const count of counts) {
    const directory = mkdtempSync(join(tmpdir(), 'squall-judge-'));
    try {
      await writeRun(directory, count);
      const program = join(import.meta.dirname, 'fixtures/judges-a-run.ts');
      const { stdout } = await promisify(execFile)(process.execPath, [program, directory]);
      const judged: Judged = JSON.parse(stdout);
      yield {
        requests: count,
        'file MB': megabytes(statSync(join(directory, REQUESTS_FILE)).size),
        'read s': judged.readS,
        'judge s': judged.judgeS,
        'render s': judged.renderS,
        'CPU s': judged.cpuS,
        'peak MB': megabytes(judged.peakBytes),
        'report MB': Number((judged.reportBytes / 1e6).toFixed(2)),
        verdict: judged.verdict,
      };
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }
}

/** Whole MB of some bytes. */
export function megabytes(bytes: number): number {
  return Math.round(bytes / 1e6);
}

/** Writes the history and the requests of a run. */
async function writeRun(directory: string, count: number): Promise<void> {
  const endMs = (count / PER_SECOND) * 1000;
  const plan = planOf();
  const ramp = { name: 'steady', fromMs: 0, toMs: endMs, fromPerSecond: PER_SECOND, toPerSecond: PER_SECOND };
  const atMs = endMs / 3;
  const step = (name: 'inject' | 'injected' | 'effective' | 'heal' | 'healed', afterMs: number): TimedEvent => ({
    atMs: atMs + afterMs,
    ...{ type: 'fault', id: KILL.id, step: name, evidence: '' },
  });
  const events = historyOf(
    {
      ...plan,
      load: { ...plan.load, ramps: [ramp] },
      faults: [{ ...KILL, atMs, forMs: 60_000 }],
      slos: SLOS.map(([window, objective]) => ({ name: `${objective} in ${window}`, window, objective })),
      arrivals: { count, sha256: '' },
    },
    ...[step('inject', 0), step('injected', 50), step('effective', 100), step('heal', 60_000), step('healed', 60_100)],
  );
  const moved = events.map(event => (event.type === 'phase' && event.atMs > 0 ? { ...event, atMs: endMs } : event));
  writeFileSync(join(directory, ARTIFACTS.events), moved.map(event => `${JSON.stringify(event)}\n`).join(''));
  const records = (length: number) => ({ [Symbol.iterator]: () => recordsOf(length) });
  // The first of them have all fields that there are.
  const forEach = (visit: (record: RequestRecord) => void) => [...records(100)].forEach(visit);
  await writeRequests(directory, { ...records(count), forEach }, () => 'run-1');
}

/** Records of so many requests at a steady rate, in scheduled order: token streams of which four in a thousand failed. */
export function* recordsOf(count: number): Generator<RequestRecord, undefined> {
  const random = seededRandom(3);
  for (let index = 0; index < count; index += 1) {
    const scheduledMs = ((index + random.next()) * 1000) / PER_SECOND;
    const firstTokenMs = scheduledMs + 80 * Math.exp(random.next() + random.next() + random.next() - 1.5);
    const outputTokens = random.integer(10, 110);
    const tokenMs = 15 + 10 * random.next();
    const lastTokenMs = firstTokenMs + tokenMs * outputTokens;
    const common = { index, scheduledMs, sentMs: scheduledMs + random.next() / 2, stage: 'steady', promptTokens: 300 };
    if (random.next() < 0.004) {
      yield requestRecord({ ...common, outcome: 'http-status', status: 503, endMs: scheduledMs + 40 });
      continue;
    }
    const gaps = Array.from({ length: 8 }, (_, nth) => gapBucket(tokenMs * (0.9 + 0.025 * nth)));
    yield requestRecord({
      ...{ ...common, outcome: 'ok', status: 200, firstTokenMs, lastTokenMs, endMs: lastTokenMs + 0.2, outputTokens },
      ...{ frames: outputTokens, reads: outputTokens, upstream: `inference-${1 + (index % 3)}` },
      gaps: gaps.flatMap(bucket => [bucket, Math.ceil(outputTokens / 8)]),
    });
  }
  return;
}
