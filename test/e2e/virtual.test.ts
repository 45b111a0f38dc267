import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunDocument } from '../../reports/store/run-document.ts';
import { expectRefusal, SMALL, squall, temporaryFolder } from './squall.ts';

/** Long enough for both faults, not for what comes after them. */
const SHORT = 'load.stages.0={at: 40/s, for: 8s}';
const VIRTUAL = ['--platform', 'virtual'];
/** Everything that a run records; what is judged and rendered of it names the folder and the wall clock. */
const RECORDED = ['events.ndjson', 'gateway-1.log', 'inference-1.log', 'inference-2.log', 'toxiproxy.log'];

interface Recorded {
  readonly document: RunDocument;
  readonly bytes: Readonly<Record<string, string>>;
  /** Processor time of all its processes. */
  readonly cpuMs: number;
}

/** Processor time of the processes that this one has started and seen end, in ms: in hundredths of a second, proc(5). */
function childrenCpuMs(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]!.split(' ');
  return 10 * (Number(fields[13]) + Number(fields[14]));
}

async function virtualRun(out: string, ...args: string[]): Promise<Recorded> {
  const beforeMs = childrenCpuMs();
  const { code, stdout, stderr } = await squall([
    'run',
    SMALL,
    '--platform',
    'virtual',
    '--out',
    out,
    '--json',
    ...args,
  ]);
  expect(code, stderr).toBe(0);
  const document = JSON.parse(stdout) as RunDocument;
  const folder = join(out, readdirSync(out)[0]!);
  const files = [...RECORDED, 'requests.parquet'];
  // The folder of runs stands in the replay command.
  const textOf = (name: string) => readFileSync(join(folder, name), 'latin1').replaceAll(out, 'OUT');
  const bytes = Object.fromEntries(files.map(name => [name, textOf(name)]));
  return { document, bytes, cpuMs: childrenCpuMs() - beforeMs };
}

describe('a run in virtual time', () => {
  const out = temporaryFolder();
  afterAll(() => out[Symbol.dispose]());
  let first: Recorded;
  let again: Recorded;
  let other: Recorded;
  beforeAll(async () => {
    // In processes of their own, beside other tests: a loaded machine changes nothing.
    first = await virtualRun(join(out.path, 'first'));
    other = await virtualRun(join(out.path, 'other'), '--seed', '43');
    again = await virtualRun(join(out.path, 'again'));
  }, 120_000);

  it('passes with both faults in effect and healed, and says that it is virtual', () => {
    const { verdict, faults, warnings, load } = first.document;
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

  it('records the same bytes for the same seed, and others for another', () => {
    for (const [name, bytes] of Object.entries(first.bytes)) expect(again.bytes[name], name).toBe(bytes);
    expect(other.bytes['requests.parquet']).not.toBe(first.bytes['requests.parquet']);
    expect(other.bytes['gateway-1.log']).not.toBe(first.bytes['gateway-1.log']);
  });

  it('takes less time than it simulates', () => {
    // 13 s of load after a cold start take 3 s of a processor, however long they wait for one.
    expect(again.cpuMs).toBeLessThan(again.document.durationMs);
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

it.each([
  ['nginx', ['--set', 'stack.edge={}'], [/stack\.edge/, /nginx/, /--platform process/]],
  ['Prometheus', ['--set', 'stack.prometheus={}'], [/stack\.prometheus/]],
  [
    'k6',
    [
      '--set',
      'load.engine=k6',
      '--set',
      'load.arrivals=constant',
      '--set',
      'slos=[{ name: a, objective: errors <= 50% }]',
    ],
    [/load\.engine/, /stream/],
  ],
  ['several generators', ['--workers', '2'], [/--workers/]],
  ['a segment', ['--segment', '1/2'], [/--segment/]],
  ['the memory of processes', ['--set', 'slos.0.objective=growth(memory) <= 10%'], [/slos\[0\]\.objective/]],
  [
    'an attacker',
    ['--set', 'faults.0={id: slow, kind: slow-headers, on: client->gateway-1, at: 5s, for: 4s}'],
    [/slow-headers/],
  ],
] as const)('virtual time has no %s, which is said before anything starts', async (_, args, patterns) => {
  await expectRefusal(['run', SMALL, '--platform', 'virtual', '--dry-run', ...args], 3, [...patterns]);
});

it('keeps no stack for manual use', async () => {
  await expectRefusal(['up', SMALL, '--platform', 'virtual'], 3, [/virtual/, /process/]);
});
