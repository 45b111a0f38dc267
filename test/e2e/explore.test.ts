import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Kept } from '../../cli/explore/summary.ts';
import type { Exploration } from '../../scenarios/explore/explore.ts';
import { startPool } from '../../scenarios/explore/pool.ts';
import { EMPTY } from '../../scenarios/explore/schedule.ts';
import { findScenario } from '../../scenarios/find.ts';
import type { Scenario } from '../../scenarios/scenario.ts';
import { type Finished, SMALL, squall, start, temporaryFolder } from './squall.ts';

const FIXTURE = join(import.meta.dirname, 'fixtures/small-chaos.yaml');
const FOUND = resolve(import.meta.dirname, '../../scenarios/found');
const MINUTE_MS = 60_000;

describe('squall explore', () => {
  const out = temporaryFolder();
  afterAll(() => out[Symbol.dispose]());
  const args = (...more: string[]) => {
    const folders = ['--out', join(out.path, 'runs'), '--found', join(out.path, 'found')];
    return ['explore', FIXTURE, '--seed', '1', '--json', '--quiet', ...folders, ...more];
  };
  let finished: Finished;
  let document: Exploration & { readonly findings: readonly Kept[] };
  beforeAll(async () => {
    // Without retries and health checks, half of the requests fail while one of two replicas is gone.
    const broken = ['--set', 'stack.gateway.retries=0', '--set', 'stack.gateway.healthChecks=off'];
    finished = await squall(args('--runs', '4', '--jobs', '2', ...broken));
    document = JSON.parse(finished.stdout);
  }, 2 * MINUTE_MS);

  it('finds a stack without retries and health checks, and shrinks that to one fault and less load', () => {
    expect(finished.code, finished.stderr).toBe(1);
    const [{ failure, smallest, original, isMinimal } = expect.fail('nothing found')] = document.findings;
    expect(failure).toMatchObject({ kind: 'slo', name: 'error rate', message: expect.stringMatching(/limit of 6%/) });
    expect(smallest.faults).toMatchObject([{ kind: 'kill' }]);
    expect(smallest.faults[0]!.forMs).toBeLessThanOrEqual(original.faults.at(-1)!.forMs!);
    expect(smallest.load.endMs).toBeLessThan(12_000);
    expect(isMinimal).toBe(true);
  });

  it('writes a scenario that says how it was found, and replays it', async () => {
    const [{ file, index, replay } = expect.fail('nothing found')] = document.findings;
    const text = readFileSync(file, 'utf8');
    expect(text).toMatch(new RegExp(`^# Found by: .*--seed 1 --from ${index} --runs 1 --set stack.gateway.retries=0`));
    expect(text).toMatch(/# with squall \S+, node \d+\.\d+\.\d+/);
    expect(replay).toMatchObject({ platform: 'virtual', verdict: 'fail', fails: true });
    expect(existsSync(join(replay!.directory!, 'report.html'))).toBe(true);
  });

  it('keeps a run directory of what it found only, and its result', () => {
    const folders = readdirSync(join(out.path, 'runs'));
    const stored = folders.filter(name => name.includes('-explore-')).map(name => join(out.path, 'runs', name));
    expect(folders).toHaveLength(1 + document.findings.length);
    expect(JSON.parse(readFileSync(join(stored[0]!, 'explore.json'), 'utf8'))).toEqual(document);
    expect(document).toMatchObject({ from: 0, next: 4, coverage: { possible: 14 }, unjudged: [] });
    expect(document.slos.map(({ name }) => name)).toEqual(['error rate', 'recovery']);
  });

  it('ends soon on Ctrl-C, says how to go on, and leaves nothing behind', { timeout: MINUTE_MS }, async () => {
    using scratch = temporaryFolder();
    const words = args('--runs', '1000', '--jobs', '1').filter(word => word !== '--json' && word !== '--quiet');
    const running = start(words, { TMPDIR: scratch.path });
    await running.seen(/0 of 1000 schedules/);
    running.child.kill('SIGINT');
    const { code, stdout } = await running.finished;
    expect(code).toBe(130);
    expect(stdout).toMatch(/go on with: npx squall explore .*small-chaos\.yaml --seed 1 --from \d+/);
    expect(readdirSync(scratch.path).filter(name => name.startsWith('squall-workers-'))).toEqual([]);
  });
});

it('runs a scenario without a chaos section once, by its SLOs and the invariants', { timeout: MINUTE_MS }, async () => {
  using out = temporaryFolder();
  const { code, stdout } = await squall(['explore', SMALL, '--out', out.path]);
  expect(code, stdout).toBe(0);
  expect(stdout).toMatch(/no `chaos` section to explore .* it passes/);
});

it('names the schedule of which a process dies or does not end, and goes on with another one', async () => {
  const subject = { scenario: {} as Scenario, source: '', folder: '', seed: 1 };
  const program = join(import.meta.dirname, 'fixtures/explore-workers.ts');
  const signal = new AbortController().signal;
  const of = (kind: string) => ({
    ...EMPTY,
    faults: [{ id: 'one', kind, on: 'inference-1', atMs: 1, forMs: 1, parameters: {} }],
  });
  await using pool = startPool({ subject, jobs: 1, signal, limitMs: 3000, maxOrders: 2, program });
  const trials = await Promise.all(
    ['pass', 'dies', 'pass', 'pass', 'pass', 'hangs', 'pass'].map(kind => pool.try(of(kind))),
  );
  expect(trials.map(({ failures }) => failures.map(({ kind, name }) => `${kind} ${name}`))).toEqual([
    [],
    ['crash WORKER_DIED'],
    [],
    [],
    [],
    ['hang RUN_HANGS'],
    [],
  ]);
  expect(trials[1]!.failures[0]!.message).toMatch(/exited with code 1.*out of luck/s);
  const pids = [0, 2, 3, 4, 6].map(nth => trials[nth]!.requests);
  // A process is replaced after a crash, after two runs, and after one that hung.
  expect(new Set(pids).size).toBe(4);
  expect(pids[1]).toBe(pids[2]);
});

/** What exploration has found, and what was repaired since. */
const found = existsSync(FOUND) ? readdirSync(FOUND).filter(name => name.endsWith('.yaml')) : [];
it.each(['random-faults', ...found.map(name => join(FOUND, name))])(
  'passes in virtual time, by its SLOs and the invariants: %s',
  { timeout: 2 * MINUTE_MS },
  async name => {
    const { raw, source, folder } = await findScenario(name);
    const subject = { scenario: raw as Scenario, source, folder, seed: 42 };
    await using pool = startPool({ subject, jobs: 1, signal: new AbortController().signal, limitMs: 2 * MINUTE_MS });
    const { failures, unjudged } = await pool.try(EMPTY);
    expect({ failures, unjudged }).toEqual({ failures: [] });
  },
);
