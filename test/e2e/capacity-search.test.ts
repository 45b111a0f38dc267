import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CapacityDocument } from '../../reports/store/capacity-document.ts';
import { expectRefusal, squall, start, temporaryFolder } from './squall.ts';

/** One replica that serves one request at a time, in about 0.1 s: some 8 requests a second within its SLO. */
const SCENARIO = join(import.meta.dirname, 'fixtures/one-at-a-time.yaml');
const ARGS = ['capacity', SCENARIO, '--step', '30s'];

describe('a search for the highest rate, in virtual time', () => {
  const out = temporaryFolder();
  afterAll(() => out[Symbol.dispose]());
  let document: CapacityDocument;
  let folder: string;
  let progress: string;
  beforeAll(async () => {
    const { code, stdout, stderr } = await squall([
      ...ARGS,
      ...['--from', '3', '--max-steps', '8', '--daily', '1e6', '--price', '2', '--out', out.path, '--json'],
    ]);
    expect([0, 2], stderr).toContain(code);
    document = JSON.parse(stdout) as CapacityDocument;
    folder = join(out.path, readdirSync(out.path)[0]!);
    progress = stderr;
  }, 120_000);

  it('finds the edge between rates that meet the SLO and rates that miss it', () => {
    const { edge, bestMet, bestMissed, limitedBy, answer, steps } = document;
    // A server with a utilisation of 1 at 10/s, whose P90 is to be below ten times its service time.
    expect(edge!.lower).toBeGreaterThan(4);
    expect(edge!.upper).toBeLessThan(13);
    expect(edge!.lower).toBeLessThan(edge!.upper);
    expect(bestMet!).toBeLessThan(13);
    expect(bestMissed!).toBeGreaterThan(4);
    expect(limitedBy).toBe('p90(latency) <= 1 s');
    expect(answer).toMatch(/^[\d.]+\/s, between [\d.]+\/s and [\d.]+\/s, limited by p90\(latency\)/);
    // Those of the search, and four below the edge for the curve.
    expect(steps.length).toBeLessThanOrEqual(12);
    expect(progress.match(/\/s: \S*(pass|fail|inconclusive)/g)!.length).toBe(steps.length);
  });

  it('plans a day from the lower end of the interval', () => {
    const { daily: plan, edge } = document;
    expect(plan!.perReplicaPerSecond).toBeCloseTo(edge!.lower, 1);
    expect(plan!.peakPerSecond).toBeCloseTo((2 * 1e6) / 86_400, 1);
    expect(plan!.replicas).toBe(Math.ceil(plan!.peakPerSecond / plan!.perReplicaPerSecond));
    expect(plan!.dollarsPerDay).toBeCloseTo(plan!.replicas * 24 * 2, 5);
  });

  it('leaves its document and a page', () => {
    expect(JSON.parse(readFileSync(join(folder, 'capacity.json'), 'utf8'))).toEqual(document);
    expect(readFileSync(join(folder, 'report.html'), 'utf8')).toContain(document.answer);
  });

  it('has steps that a run repeats', async () => {
    using again = temporaryFolder();
    const step = document.steps.find(({ verdict, endedEarly }) => verdict === 'pass' && !endedEarly)!;
    const words = step.replay.replace(/^npx squall /, '').match(/'[^']*'|\S+/g)!;
    const args = words.map(word => word.replace(/^'(.*)'$/, '$1'));
    const { code, stdout, stderr } = await squall([...args, '--out', again.path, '--json']);
    expect(code, stderr).toBe(0);
    const whole = JSON.parse(stdout).windows.find(({ name }: { name: string }) => name === 'whole');
    expect(whole.requests).toBe(step.requests);
    expect(whole.latencyMs.p99).toBe(step.p99LatencyMs);
  });
});

it('finds the fewest replicas for a rate', async () => {
  using out = temporaryFolder();
  const { code, stdout, stderr } = await squall([
    ...ARGS,
    ...['--find', 'replicas', '--rate', '24/s', '--from', '2', '--max-steps', '5', '--out', out.path, '--json'],
  ]);
  expect([0, 2], stderr).toContain(code);
  const { edge } = JSON.parse(stdout) as CapacityDocument;
  // Two carry 21/s.
  expect(edge!.upper).toBeGreaterThanOrEqual(3);
  expect(edge!.upper).toBeLessThanOrEqual(5);
});

it('keeps what it has found when it is interrupted', async () => {
  using out = temporaryFolder();
  const running = start([...ARGS, '--precision', '1', '--max-steps', '500', '--out', out.path]);
  await running.seen(/^ *2, /m);
  running.child.kill('SIGINT');
  const { code } = await running.finished;
  expect(code).toBe(130);
  const [folder] = readdirSync(out.path);
  const document: CapacityDocument = JSON.parse(readFileSync(join(out.path, folder!, 'capacity.json'), 'utf8'));
  expect(document.stop).toBe('interrupted');
  expect(document.steps.length).toBeGreaterThanOrEqual(1);
  expect(existsSync(join(out.path, folder!, 'report.html'))).toBe(true);
});

it('refuses options that contradict each other, before anything starts', async () => {
  await expectRefusal([...ARGS, '--rate', '5/s'], 3, [/--rate only with --find replicas/]);
  await expectRefusal([...ARGS, '--find', 'users', '--from', '1.5'], 3, [/--from to be a whole number/]);
  await expectRefusal([...ARGS, '--from', '50', '--max', '20'], 3, [/--from to be at most --max/]);
  const target = ['--target', 'http://127.0.0.1:9'];
  await expectRefusal([...ARGS, ...target, '--find', 'replicas'], 3, [/Squall starts no replicas of a target/]);
});
