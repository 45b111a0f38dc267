import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CompareDocument } from '../../reports/store/compare-document.ts';
import type { VariantsDocument } from '../../reports/store/variants-document.ts';
import { expectRefusal, squall, start, temporaryFolder } from './squall.ts';

/** The load of 10/s becomes 60/s for 7 s: enough for three replicas and those that an autoscaler adds, and far too much for one. */
const SCENARIO = join(import.meta.dirname, 'fixtures/small-variants.yaml');
const ON = ['--platform', 'virtual'];

describe('a comparison of variants, in virtual time', () => {
  const out = temporaryFolder();
  afterAll(() => out[Symbol.dispose]());
  let document: VariantsDocument;
  let folder: string;
  beforeAll(async () => {
    const { code, stdout, stderr } = await squall(['run', SCENARIO, ...ON, '--out', out.path, '--json']);
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/6 of 6, \d+ s {2}\w+ seed 43: (pass|fail)/);
    document = JSON.parse(stdout) as VariantsDocument;
    folder = join(out.path, readdirSync(out.path)[0]!);
  }, 120_000);
  const of = (name: string) => document.variants.find(variant => variant.name === name)!;

  it('runs each with each seed in a folder of its own, with a report of its own', () => {
    expect(document.runs.map(({ variant, seed }) => `${variant} ${seed}`)).toEqual(
      ['peak', 'hpa', 'few'].flatMap(name => [`${name} 42`, `${name} 43`]),
    );
    for (const { directory, variant } of document.runs) {
      expect(directory).toMatch(new RegExp(`^${variant}/small-variants-`));
      expect(existsSync(join(folder, directory!, 'report.html'))).toBe(true);
      const { replay } = JSON.parse(readFileSync(join(folder, directory!, 'run.json'), 'utf8'));
      expect(replay).toContain(`--variant ${variant}`);
    }
  });

  it('compares cost and speed, names the frontier, and expects a failure', () => {
    expect(document.variants.map(({ name, exitCode }) => [name, exitCode])).toEqual([
      ['peak', 0],
      ['hpa', 0],
      ['few', 0],
    ]);
    const hours = (name: string) => of(name).figures.replicaHours!.mean;
    // 8 replicas for 16 s, and one.
    expect(hours('peak') * 3600).toBeCloseTo(128, 0);
    expect(hours('few') * 3600).toBeCloseTo(16, 0);
    // At least the three that it keeps.
    expect(hours('hpa') * 3600).toBeGreaterThan(48);
    expect(hours('hpa')).toBeLessThan(hours('peak'));
    expect(of('hpa').figures.ttftP99!.mean).toBeGreaterThan(of('peak').figures.ttftP99!.mean);
    expect(of('peak').figures.withinSlo!.mean).toBe(100);
    expect(of('few').figures.withinSlo!.mean).toBeLessThan(60);
    expect([of('peak').onFrontier, of('hpa').onFrontier]).toEqual([true, true]);
    // Two seeds show nothing.
    expect(of('few').differences!.withinSlo).toMatchObject({ lower: null, upper: null, evidence: 'none' });
  });

  it('has runs that can be compared by themselves', async () => {
    const sides = [join(folder, 'peak'), join(folder, 'few')];
    const args = ['compare', ...sides, '--out', join(out.path, 'compared')];
    const { code, stdout, stderr } = await squall([...args, '--fail-on-regression', '--json']);
    expect(code, stderr).toBe(1);
    const compared = JSON.parse(stdout) as CompareDocument;
    expect(compared).toMatchObject({ verdict: 'regression', paired: true, unit: 'blocks', incomparable: [] });
    expect(compared.changed.map(({ path }) => path)).toContain('stack.inference.replicas');
    const words = await squall(args);
    expect(words.code).toBe(0);
    expect(words.stdout).toContain('✗ regression');
    expect(existsSync(words.stdout.trim().split(/\s+/).at(-1)!)).toBe(true);
    const run = join(folder, document.runs[0]!.directory!);
    expect((await squall(['recheck', run, '--slo', 'errors <= 1%', '--slo', 'p99(ttft) <= 10 s'])).code).toBe(0);
    expect((await squall(['recheck', run, '--slo', 'p50(ttft) <= 1 ms'])).code).toBe(1);
    await expectRefusal(['compare', 'nowhere', ...args.slice(2)], 3, [/Expected a run directory/]);
  });

  it('leaves a page and a summary beside its document', () => {
    expect(JSON.parse(readFileSync(join(folder, 'variants.json'), 'utf8'))).toEqual(document);
    expect(readFileSync(join(folder, 'report.html'), 'utf8')).toContain('Variants of small-variants');
    expect(readFileSync(join(folder, 'summary.md'), 'utf8')).toContain('| few | fails, as expected |');
  });

  it('gives the figures of a run with the same seed, alone and again', async () => {
    using alone = temporaryFolder();
    const args = ['run', SCENARIO, ...ON, '--variant', 'few', '--seed', '43', '--out', alone.path, '--json'];
    const { code, stdout } = await squall(args);
    expect(code).toBe(1);
    const again = document.runs.find(({ variant, seed }) => variant === 'few' && seed === 43)!;
    const { slos, verdict } = JSON.parse(stdout);
    expect(verdict).toBe(again.verdict);
    expect(slos.map((slo: { measured: number }) => slo.measured)).toEqual(again.slos.map(({ measured }) => measured));
  });
});

it('keeps what has ended when it is interrupted', async () => {
  using out = temporaryFolder();
  const running = start(['run', SCENARIO, ...ON, '--seeds', '20', '--jobs', '1', '--out', out.path]);
  await running.seen(/1 of 60/);
  running.child.kill('SIGINT');
  const { code, stdout } = await running.finished;
  expect(code).toBe(130);
  const [folder] = readdirSync(out.path);
  const document: VariantsDocument = JSON.parse(readFileSync(join(out.path, folder!, 'variants.json'), 'utf8'));
  expect(document).toMatchObject({ interrupted: true, exitCode: 130 });
  expect(document.runs.length).toBeGreaterThanOrEqual(1);
  expect(document.runs.length).toBeLessThan(10);
  expect(document.runs.every(({ verdict }) => verdict === 'pass' || verdict === 'fail')).toBe(true);
  expect(stdout).toContain('report.html');
});

it('shows the plan of each variant, and refuses what does not fit before anything starts', async () => {
  const { stdout, code } = await squall(['run', SCENARIO, ...ON, '--dry-run']);
  expect(code).toBe(0);
  expect(stdout.match(/small-variants {2}variant (peak|hpa|few), seed 42/g)).toHaveLength(3);
  await expectRefusal(['run', SCENARIO, ...ON, '--variant', 'huge'], 3, [/\(peak, hpa, few\), got "huge"/]);
  await expectRefusal(['run', SCENARIO, ...ON, '--variant', 'few', '--seeds', '2'], 3, [/--seeds.*--variant/]);
  await expectRefusal(['run', 'node-loss', ...ON, '--seeds', '2'], 3, [/has `variants`, got node-loss/]);
});
