import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../harness/clock.ts';
import type { LoadEngine, LoadJob, LoadProgress, LoadSummary, RunningLoad } from '../../harness/contracts.ts';
import type { LoadPlan } from '../../harness/plan.ts';
import type { RequestRecord } from '../../harness/requests.ts';
import { streamEngine } from '../../load/stream/engine.ts';
import { recordsIn } from '../../reports/store/requests/journals.ts';
import { workloads } from '../../scenarios/load/workloads.ts';

/** A fixture program that runs until it is disposed. */
export interface Fixture extends AsyncDisposable {
  /** The first line it said; for a server its base URL. */
  readonly said: string;
  readonly pid: number;
  kill(): void;
}

/** Starts a program of `fixtures/` as a process of its own, and waits for its first line. */
export async function startFixture(name: string, ...args: string[]): Promise<Fixture> {
  const path = fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));
  const child = spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const said = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line').then(([line]) => line as string),
    exited.then(([code]) => Promise.reject(new Error(`${name} exited with ${code} before it said anything`))),
  ]);
  return {
    said,
    pid: child.pid!,
    kill: () => void child.kill('SIGKILL'),
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** A job in a temporary folder, which goes when it is disposed. */
export interface Rig extends Disposable {
  readonly job: LoadJob;
  records(): Promise<RequestRecord[]>;
}

/** What tests vary; the rest is 100 arrivals a second, evenly, for a second, that start in 400 ms. */
export interface RigOptions extends Partial<Omit<LoadPlan, 'engine'>> {
  readonly targets: readonly string[];
  readonly perSecond?: number;
  readonly forMs?: number;
  readonly warmUpMs?: number;
  readonly seed?: number;
}

/** Prepares a load; start it with {@link startLoad} or {@link runLoad}. */
export function rig(options: RigOptions): Rig {
  const { targets, perSecond = 100, forMs = 1000, warmUpMs = 0, seed = 1, ...plan } = options;
  const folder = mkdtempSync(join(tmpdir(), 'squall-load-'));
  const rate = { fromPerSecond: perSecond, toPerSecond: perSecond };
  const job: LoadJob = {
    plan: {
      engine: 'stream',
      arrivals: 'constant',
      ramps: [
        ...(warmUpMs > 0 ? [{ name: 'warm-up', fromMs: -warmUpMs, toMs: 0, ...rate }] : []),
        { name: 'steady', fromMs: 0, toMs: forMs, ...rate },
      ],
      workload: { ...workloads['chat-short'], model: 'm' },
      maxInFlight: 2000,
      connectTimeoutMs: 500,
      idleTimeoutMs: 5000,
      ...plan,
    },
    runId: 'load-test',
    seed,
    targets,
    authority: undefined,
    authorization: 'Bearer test',
    journalPath: join(folder, 'requests.ndjson'),
    logPath: join(folder, 'load.log'),
  };
  return {
    job,
    async records() {
      const records: RequestRecord[] = [];
      // Each worker keeps a journal of its own.
      for (const name of readdirSync(folder).filter(name => name.endsWith('.ndjson')))
        for await (const batch of recordsIn(join(folder, name))) records.push(...batch);
      return records;
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

/** How a load is started. */
export interface StartOptions {
  readonly signal?: AbortSignal;
  /** @default the streaming client */
  readonly engine?: LoadEngine;
  /** From the moment the generator is ready to the first arrival; negative for a generator that is late. @default 400 */
  readonly leadMs?: number;
}

/** Starts the generator. */
export function startLoad(job: LoadJob, options: StartOptions = {}): Promise<RunningLoad> {
  const { signal = new AbortController().signal, leadMs = 400, engine = streamEngine } = options;
  const warmUpMs = -(job.plan.ramps[0]?.fromMs ?? 0);
  return engine.start(job, () => systemClock.nowMs() + leadMs + warmUpMs, signal);
}

/** Runs a load to its end. */
export async function runLoad(
  options: RigOptions,
  start: StartOptions = {},
): Promise<{ startAtMs: number; records: RequestRecord[]; summary: LoadSummary; progress: LoadProgress }> {
  using prepared = rig(options);
  await using load = await startLoad(prepared.job, start);
  const summary = await load.done;
  return { startAtMs: load.startAtMs, records: await prepared.records(), summary, progress: load.progress() };
}

/** How many records ended in each way. */
export function outcomesOf(records: readonly RequestRecord[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { outcome } of records) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

/** Nearest-rank quantile. */
export function quantile(values: readonly number[], q: number): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length * q) - 1]!;
}
