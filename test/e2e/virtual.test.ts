import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunResult, runScenario } from '../../cli/api.ts';
import type { RunDocument } from '../../reports/store/run-document.ts';
import { expectRefusal, SMALL, squall, temporaryFolder } from './squall.ts';

/** Long enough for both faults, not for what comes after them. */
const SHORT = 'load.stages.0={at: 40/s, for: 8s}';
const VIRTUAL = ['--platform', 'virtual'];

/** Every file of a run, by name. */
type Bytes = Readonly<Record<string, string>>;

function bytesOf(directory: string): Bytes {
  const names = readdirSync(directory).sort();
  return Object.fromEntries(names.map(name => [name, readFileSync(join(directory, name), 'latin1')]));
}

/** Names of the files in which two runs differ. */
function differences(one: Bytes, other: Bytes): string[] {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].filter(name => one[name] !== other[name]);
}

/** Keeps a core busy until it is disposed of. */
function busyCore(): Disposable {
  const child = spawn(process.execPath, ['-e', 'for(;;);'], { stdio: 'ignore' });
  return { [Symbol.dispose]: () => void child.kill('SIGKILL') };
}

describe('a run in virtual time', () => {
  // One folder for all, since it stands in the replay command.
  const out = temporaryFolder();
  afterAll(() => out[Symbol.dispose]());
  const here = (seed: number) => runScenario(SMALL, { platform: 'virtual', out: out.path, seed });
  let first: RunResult;
  let other: RunResult;
  let fresh: Bytes[];
  let repeated: Bytes[];
  let progress: string;
  let cpuMs: number;
  beforeAll(async () => {
    using _busy = busyCore();
    const processes = await Promise.all(
      [1, 2].map(() => squall(['run', SMALL, '--platform', 'virtual', '--out', out.path, '--json'])),
    );
    for (const { code, stderr } of processes) expect(code, stderr).toBe(0);
    progress = processes[0]!.stderr;
    const folders = readdirSync(out.path);
    fresh = folders.map(name => bytesOf(join(out.path, name)));
    // What a run leaves behind in its process, such as a ticker or a count of connections, would show in the next.
    first = await here(42);
    other = await here(43);
    const before = process.cpuUsage();
    const again = await here(42);
    const { user, system } = process.cpuUsage(before);
    cpuMs = (user + system) / 1000;
    repeated = [first, again, await here(42)].map(({ directory }) => bytesOf(directory));
  }, 300_000);

  it('passes with both faults in effect and healed, and says that it is virtual', () => {
    const { verdict, faults, warnings, load } = first;
    expect(verdict).toBe('pass');
    expect(faults.map(({ effectiveAtMs, healVerified }) => [effectiveAtMs !== null, healVerified])).toEqual([
      [true, true],
      [true, true],
    ]);
    expect(warnings[0]).toMatch(/^Virtual time: .* compare its milliseconds with those of other virtual runs only\.$/);
    // A microsecond at most, the grid of its clock; and nothing measured the processor.
    expect(load.lateMsP99).toBeLessThanOrEqual(0.001);
    expect(load.cpuCores).toBeNull();
  });

  it('leaves the same bytes in every file for the same seed, in one process and in fresh ones, beside a busy core', () => {
    const [reference = {}, ...others] = [...fresh, ...repeated];
    expect(others).toHaveLength(4);
    for (const run of others) expect(differences(reference, run)).toEqual([]);
    // Requests, events, logs of each service and of the proxy, the judgement and its reports.
    expect(Object.keys(reference).length).toBeGreaterThanOrEqual(10);
  });

  it('records others for another seed', () => {
    const found = differences(repeated[0]!, bytesOf(other.directory));
    expect(found).toEqual(expect.arrayContaining(['requests.parquet', 'events.ndjson', 'gateway-1.log']));
  });

  it('takes less time than it simulates, and tells both', () => {
    // 17 s take 1.2 s of one core, its judgement and reports included.
    expect(cpuMs).toBeLessThan(first.durationMs / 3);
    expect(progress).toMatch(/\n.* down {2}1\d(\.\d)? s of virtual time in [\d.]+ m?s \([\d.]+×\)\n/);
  });
});

describe('a run, which needs no real time to come to its verdict,', () => {
  it.concurrent('fails with exit 1 when an SLO does not hold', async () => {
    using out = temporaryFolder();
    const objective = 'slos.the slow link shows.objective=p90(ttft) <= 100 ms';
    // Judged on what the engines told: their weights alone take more of the memory than that.
    const gauge = 'slos.errors stay rare.objective=max(gpu-memory) <= 1%';
    const set = ['--set', objective, '--set', gauge, '--set', SHORT];
    const { code, stdout } = await squall(['run', SMALL, ...VIRTUAL, '--out', out.path, '--json', ...set]);
    const document = JSON.parse(stdout) as RunDocument;
    expect({ code, verdict: document.verdict }).toEqual({ code: 1, verdict: 'fail' });
    const failed = document.slos.filter(slo => slo.verdict === 'fail');
    expect(failed.map(slo => slo.name)).toEqual(['errors stay rare', 'the slow link shows']);
    expect(failed[0]).toMatchObject({ unit: '%', reason: expect.stringMatching(/The largest of \d+ readings/) });
  });

  it.concurrent('is invalid with exit 2 when a fault has no observable effect', async () => {
    using out = temporaryFolder();
    const noop = 'faults.kill={id: kill, kind: noop, on: inference-2, at: 5s}';
    const set = ['--set', noop, '--set', SHORT];
    const { code, stdout } = await squall(['run', SMALL, ...VIRTUAL, '--out', out.path, '--json', ...set]);
    const document = JSON.parse(stdout) as RunDocument;
    expect({ code, verdict: document.verdict }).toEqual({ code: 2, verdict: 'invalid' });
    expect(document.reasons.join()).toMatch(/kill/);
  });
});

it('refuses everything that it cannot simulate in one message, before anything starts', async () => {
  const sets = ['stack.edge={}', 'load.engine=k6', 'load.arrivals=constant'].flatMap(set => ['--set', set]);
  const { stderr } = await expectRefusal(['run', SMALL, '--platform', 'virtual', '--workers', '2', ...sets], 3, [
    /`stack\.edge` \(it cannot run nginx\); `load\.engine` k6 \(only `stream` runs in it\); --workers 2 \(/,
    /→ .*`--platform process` or `--platform docker`/,
  ]);
  expect(stderr).not.toContain('inference-1');
});

it('keeps no stack for manual use', async () => {
  await expectRefusal(['up', SMALL, '--platform', 'virtual'], 3, [/virtual/, /process/]);
});
